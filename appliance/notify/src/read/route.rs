//! Routes in a document.

use document::{DAY, Days, Table, Window};
use model::Span;

use super::Read;
use super::values::{known, leading, names, time, zone};
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
    let names = names(channels);
    let tables = document.list("route", &keys::ROUTE, MAX_ROUTES);
    tables.into_iter().map(|table| Read { value: route(&table, &names), table }).collect()
}

fn route(table: &Table<'_>, names: &[&str]) -> Route {
    table.refuse_unknown();
    let severity = table.number("min_severity", 1..=10).and_then(|n| u8::try_from(n).ok());
    let sides = table.names("sides");
    known(table, "sides", &sides, &SIDES);
    let channels = leading(table, names);
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
    let start = time(table, "from", 0, |time| time < DAY);
    let end = time(table, "to", DAY, |time| time > 0);
    let window = Window { days: days.unwrap_or(Days::DAILY), start, end, rate: None };
    Some(Hours { window, zone })
}
