//! Routes in a document.

use document::{DAY, Days, Table, Window, nearest, parse_time};
use model::Span;

use super::Read;
use super::values::zone;
use crate::keys;
use crate::settings::{Channel, Hours, Route};

const MAX_ROUTES: usize = 500;

const SIDES: [&str; 4] = ["source", "network", "box", "vault"];

/// The least severity that is told where nothing is said: what becomes a ticket.
const MIN_SEVERITY: u8 = 5;

const MINUTE: u64 = 60;
const MONTH: u64 = 30 * 86_400;

pub(super) fn read<'a>(
    document: &Table<'a>,
    channels: &[Read<'a, Option<Channel>>],
) -> Vec<Read<'a, Route>> {
    let names: Vec<&str> = channels.iter().filter_map(|channel| named(&channel.table)).collect();
    let tables = document.list("route", &keys::ROUTE, MAX_ROUTES);
    tables.into_iter().map(|table| Read { value: route(&table, &names), table }).collect()
}

/// The name of a channel, whatever else is wrong with it, without another message.
fn named<'a>(channel: &Table<'a>) -> Option<&'a str> {
    channel.value("name").and_then(|name| name.get_ref().as_str())
}

fn route(table: &Table<'_>, names: &[&str]) -> Route {
    table.refuse_unknown();
    let severity = table.number("min_severity", 1..=10).and_then(|n| u8::try_from(n).ok());
    let sides = table.names("sides");
    known(table, "sides", &sides, &SIDES);
    table.require("channels");
    let channels = table.names("channels");
    known(table, "channels", &channels, names);
    if table.has("channels") && channels.is_empty() {
        table.wrong("channels", "leads nowhere", "name at least one channel");
    }
    Route {
        clients: table.names("clients"),
        min_severity: severity.unwrap_or(MIN_SEVERITY),
        codes: table.names("codes"),
        sides,
        hours: hours(table),
        channels,
        repeat: table.span("repeat", Span(5 * MINUTE)..=Span(MONTH)),
        after: table.span("after", Span(MINUTE)..=Span(MONTH)),
    }
}

/// Reports names that nothing has.
fn known(table: &Table<'_>, key: &str, names: &[String], known: &[&str]) {
    for name in names.iter().filter(|name| !known.contains(&name.as_str())) {
        let hint = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("known are {}", known.join(", ")),
        };
        table.wrong(key, &format!("names \"{name}\", which is not known"), &hint);
    }
}

/// Hours, if any of their keys stands there.
fn hours(table: &Table<'_>) -> Option<Hours> {
    let zone = zone(table);
    if !["days", "from", "to"].into_iter().any(|key| table.has(key)) {
        return None;
    }
    let days: Option<Days> = table.text("days").unwrap_or("daily").parse().ok();
    if days.is_none() {
        let hint = "write \"daily\", \"Mon-Fri\" or \"Sat,Sun\"";
        table.wrong("days", "has no days of the week", hint);
    }
    let time = |key: &str, or: u16, good: fn(u16) -> bool| {
        let Some(text) = table.text(key) else { return or };
        let time = parse_time(text).filter(|time| good(*time));
        if time.is_none() {
            table.wrong(key, "is no time of the day", "write it in quotes, as in \"06:30\"");
        }
        time.unwrap_or(or)
    };
    let start = time("from", 0, |time| time < DAY);
    let end = time("to", DAY, |time| time > 0);
    let window = Window { days: days.unwrap_or(Days::DAILY), start, end, rate: None };
    Some(Hours { window, zone })
}
