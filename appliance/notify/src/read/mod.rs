//! From a document to settings, or to all that is wrong with it.

mod agreement;
mod channel;
mod mailing;
mod route;
mod values;

use document::{Level, Problem, Table, read};

use crate::settings::{Audience, Channel, Mailing, Route, Settings};
use crate::{NotifyError, keys};

/// What came of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// None when a problem is an error.
    pub settings: Option<Settings>,
    /// Errors and warnings in the order of the document.
    pub problems: Vec<Problem>,
}

impl Parsed {
    /// The settings, or all problems as one error.
    pub fn into_settings(self) -> Result<Settings, NotifyError> {
        let Self { settings, problems } = self;
        settings.ok_or(NotifyError::Settings { problems })
    }
}

impl Settings {
    /// Reads settings. Any text gives all of its problems at once, and settings if none of them is
    /// an error. A secret that is written as `(kept)` is the one of the channel of the same name in
    /// `former`, if that leads to the same place.
    pub fn parse(text: &str, former: Option<&Self>) -> Parsed {
        let whole = "the settings";
        let (settings, problems) =
            read(text, whole, &keys::DOCUMENT, |table| settings(table, former));
        Parsed { settings, problems }
    }
}

/// Something that was read, with where it stands.
struct Read<'a, T> {
    value: T,
    table: Table<'a>,
}

fn settings(document: &Table<'_>, former: Option<&Settings>) -> Settings {
    let channels = channel::read(document, former);
    let routes = route::read(document, &channels);
    let agreements = agreement::read(document);
    let mailings = mailing::read(document, &channels);
    for channel in &channels {
        look_over(channel, &routes, &mailings);
    }
    let channels = channels.into_iter().filter_map(|channel| channel.value).collect();
    let routes = routes.into_iter().map(|route| route.value).collect();
    Settings { channels, routes, agreements, mailings }
}

/// Warns of what is probably not meant.
fn look_over(
    channel: &Read<'_, Option<Channel>>,
    routes: &[Read<'_, Route>],
    mailings: &[Mailing],
) {
    let Some(value) = &channel.value else { return };
    let routes = routes.iter().map(|route| &route.value);
    let routes = routes.filter(|route| route.channels.contains(&value.name));
    let mailings = mailings.iter().filter(|mailing| mailing.channels.contains(&value.name));
    // Whom what goes there is about; nobody named is everybody.
    let told = routes.map(|route| route.clients.iter().map(String::as_str).collect());
    let mailed = mailings.map(|mailing| Some(mailing.client.as_str()).filter(|it| !it.is_empty()));
    let mut about: Vec<Vec<&str>> =
        told.chain(mailed.map(|client| client.into_iter().collect())).collect();
    if about.is_empty() {
        let hint = "name it in the `channels` of a [[route]]";
        channel.table.report(Level::Warning, "name", "no route leads to the channel", hint);
    }
    about.dedup();
    let one =
        matches!(about.as_slice(), [] | [_]) && about.iter().all(|clients| clients.len() == 1);
    if value.audience == Audience::Contact && !one {
        let what = "a client's contact is told of others, or of the appliance itself";
        let hint = "lead routes and reports to it that name one and the same client";
        channel.table.report(Level::Warning, "audience", what, hint);
    }
}
