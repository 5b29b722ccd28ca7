//! Reports by mail in a document.

use document::{DAY, Table};

use super::Read;
use super::values::{leading, names, time, word, zone};
use crate::keys;
use crate::settings::{Channel, Every, Kind, Mailing};

const MAX_MAILINGS: usize = 100;

/// Before people come to work, in minutes of the day.
const AT: u16 = 6 * 60;

pub(super) fn read(document: &Table<'_>, channels: &[Read<'_, Option<Channel>>]) -> Vec<Mailing> {
    let (names, others) = (names(channels), others(channels));
    let tables = document.list("report", &keys::REPORT, MAX_MAILINGS);
    let mut mailings: Vec<Mailing> = Vec::new();
    for table in &tables {
        let Some(mailing) = mailing(table, &names, &others) else { continue };
        if mailings.iter().any(|other| other.key() == mailing.key()) {
            let what = "and span are those of another report of the same client";
            table.wrong("kind", what, "name all channels in one of them");
        }
        mailings.push(mailing);
    }
    mailings
}

/// The names of channels that carry no mail.
fn others<'a>(channels: &'a [Read<'_, Option<Channel>>]) -> Vec<&'a str> {
    let values = channels.iter().filter_map(|channel| channel.value.as_ref());
    let others = values.filter(|channel| !matches!(channel.kind, Kind::Email(_)));
    others.map(|channel| channel.name.as_str()).collect()
}

fn mailing(table: &Table<'_>, names: &[&str], others: &[&str]) -> Option<Mailing> {
    table.refuse_unknown();
    for key in ["kind", "every"] {
        table.require(key);
    }
    let channels = leading(table, names);
    if let Some(other) = channels.iter().find(|name| others.contains(&name.as_str())) {
        let what = format!("names \"{other}\", which carries no mail");
        table.wrong("channels", &what, "name channels of the kind \"email\"");
    }
    let kinds: Vec<&str> = report::Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    let every: Vec<&str> = Every::ALL.iter().map(|every| every.as_str()).collect();
    let kind = word(table, "kind", |text| text.parse().ok(), &kinds);
    let every = word(table, "every", Every::parse, &every);
    let client = table.text("client").unwrap_or_default().to_owned();
    let (at, zone) = (time(table, "at", AT, |time| time < DAY), zone(table));
    Some(Mailing { kind: kind?, client, channels, every: every?, at, zone })
}
