//! Protected systems in a document.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use document::{Level, Table, nearest};
use model::{Policy, Span};

use super::{Read, source, windows};
use crate::{Client, Schedule, Source, System, keys};

const MAX_SYSTEMS: usize = 2000;

/// Of objectives and intervals.
const SPANS: RangeInclusive<Span> = Span(60)..=Span(365 * 86_400);

/// Of ages at which recovery points are to be verified.
const VERIFY: RangeInclusive<Span> = Span(3600)..=Span(365 * 86_400);

/// Of locks and delays.
const ANY: RangeInclusive<Span> = Span(0)..=Span(100 * 365 * 86_400);

pub(super) fn read<'a>(
    document: &Table<'a>,
    clients: &[Read<'_, Client>],
) -> Vec<Read<'a, System>> {
    let (mut systems, mut names) = (Vec::new(), HashSet::new());
    for table in document.list("system", &keys::SYSTEM, MAX_SYSTEMS) {
        let value = system(&table, clients);
        if !value.name.is_empty() && !names.insert(value.name.clone()) {
            table.wrong("name", "is that of another system", "give each its own name");
        }
        systems.push(Read { value, table });
    }
    systems
}

/// What is wrong in it was reported, and no plan comes of it: what stands in its place is never
/// used.
fn system(table: &Table<'_>, clients: &[Read<'_, Client>]) -> System {
    table.refuse_unknown();
    for key in ["name", "client", "rpo", "rto"] {
        table.require(key);
    }
    let span = |key| table.span(key, SPANS).unwrap_or(*SPANS.end());
    System {
        name: table.text("name").unwrap_or_default().to_owned(),
        client: client(table, clients).unwrap_or_default(),
        source: source::read(table).unwrap_or(Source::Push),
        rpo: span("rpo"),
        rto: span("rto"),
        schedule: schedule(table),
        windows: windows::windows(table, "windows"),
        blackouts: windows::windows(table, "blackouts"),
        retention: retention(table),
        verify: table.span("verify", VERIFY),
        excluded: table.names("excluded"),
    }
}

fn client(table: &Table<'_>, clients: &[Read<'_, Client>]) -> Option<String> {
    let name = table.text("client")?;
    let known = clients.iter().map(|client| client.value.name.as_str());
    // A client whose name could not be read was told of, and may be this one.
    if !known.clone().any(|known| known == name || known.is_empty()) {
        let hint = match nearest(name, known) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => "write a [[client]] of that name".into(),
        };
        table.wrong("client", &format!("names no client: \"{name}\""), &hint);
    }
    Some(name.to_owned())
}

fn schedule(table: &Table<'_>) -> Schedule {
    match (table.has("interval"), table.has("times")) {
        (true, true) => {
            table.wrong("times", "stands beside `interval`", "write one of the two");
        }
        (false, false) => table.require("interval"),
        (false, true) => {
            let times = windows::times(table, "times");
            if times.is_empty() {
                table.wrong("times", "names no time", "write as in [\"06:30\", \"18:00\"]");
            }
            return Schedule::Times(times);
        }
        (true, false) => {}
    }
    Schedule::Interval(table.span("interval", SPANS).unwrap_or(*SPANS.start()))
}

fn retention(system: &Table<'_>) -> Policy {
    let table = system.table("retention", &keys::RETENTION);
    table.refuse_unknown();
    let count = |key| {
        let number = table.number(key, 0..=u64::from(u16::MAX));
        number.and_then(|number| u16::try_from(number).ok()).unwrap_or(0)
    };
    let default = Policy::default();
    let policy = Policy {
        last: count("last"),
        hourly: count("hourly"),
        daily: count("daily"),
        weekly: count("weekly"),
        monthly: count("monthly"),
        yearly: count("yearly"),
        lock: table.span("lock", ANY).map_or(default.lock, |span| span.0),
        delay: table.span("delay", ANY).map_or(default.delay, |span| span.0),
    };
    keeps_what(system, &table, &policy);
    policy
}

/// A policy without counts keeps everything, which must be said: nothing else fills a pool as
/// surely.
fn keeps_what(system: &Table<'_>, table: &Table<'_>, policy: &Policy) {
    let everything = table.flag("everything") == Some(true);
    match (everything, policy.keeps_everything()) {
        (true, false) => {
            table.wrong("everything", "stands beside counts", "write it alone, or counts alone");
        }
        (false, true) if !system.has("retention") => {
            let hint = "write it as in { daily = 14, monthly = 12 }, or { everything = true }";
            let what = "`retention` is missing, so everything stays for ever";
            system.report(Level::Warning, "retention", what, hint);
        }
        // What is no table was told of.
        (false, true) if table.is_there() => {
            let hint = "write a count above 0, or everything = true";
            system.wrong("retention", "counts nothing to keep", hint);
        }
        _ => {}
    }
}
