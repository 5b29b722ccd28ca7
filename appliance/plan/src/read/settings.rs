//! Maintenance and limits in a document.

use std::ops::RangeInclusive;

use document::Table;
use model::Span;

use super::{clients, windows};
use crate::{Limits, Maintenance, Task, keys};

const INTERVALS: RangeInclusive<Span> = Span(3600)..=Span(365 * 86_400);

/// Of memory: with less no ingest runs, more is a slip.
const MEMORY: RangeInclusive<u64> = 256 << 20..=1 << 40;

pub(super) fn maintenance(document: &Table<'_>) -> Maintenance {
    let table = document.table("maintenance", &keys::MAINTENANCE);
    table.refuse_unknown();
    let default = Maintenance::default();
    Maintenance {
        zone: clients::zone(&table).unwrap_or(default.zone),
        scrub: task(&table, "scrub", default.scrub),
        reclaim: task(&table, "reclaim", default.reclaim),
        expire: task(&table, "expire", default.expire),
        verify: task(&table, "verify", default.verify),
    }
}

fn task(maintenance: &Table<'_>, key: &str, default: Task) -> Task {
    let table = maintenance.table(key, &keys::TASK);
    table.refuse_unknown();
    let duty = table.number("duty", 1..=100).and_then(|duty| u8::try_from(duty).ok());
    let windows = windows::windows(&table, "windows");
    Task {
        interval: table.span("interval", INTERVALS).unwrap_or(default.interval),
        windows,
        duty: duty.unwrap_or(default.duty),
    }
}

pub(super) fn limits(document: &Table<'_>) -> Limits {
    let table = document.table("limits", &keys::LIMITS);
    table.refuse_unknown();
    let default = Limits::default();
    let number = |key, or| {
        let number = table.number(key, 1..=64).and_then(|number| u16::try_from(number).ok());
        number.unwrap_or(or)
    };
    Limits {
        ingests: number("ingests", default.ingests),
        restores: number("restores", default.restores),
        memory: table.bytes("memory", MEMORY).unwrap_or(default.memory),
    }
}
