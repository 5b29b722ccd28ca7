//! When runs are due.
//!
//! A clock on the wall can jump by ten years, back or forth, and a box can be off for a week. So
//! what counts is how long ago a run began, not what the clock said then: the caller passes running
//! time along ([`Past`]), and every due time is laid out from now backwards. A jump of the clock
//! then changes nothing about intervals, and makes times of the day at most one run early or late;
//! nothing starts over and over, and nothing waits for a year that has gone.
//!
//! Systems that are due together begin spread out, each by an offset that only its name decides.
//! It counts from a fixed instant (when the run was due, its window opened, or the engine was
//! ready), so however often it is asked, the answer does not move away.

use document::{add_days, instant, seconds_after};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use model::Span;

use crate::{Schedule, System, Windows};

/// Over so many seconds systems that are due together are spread at most.
const MAX_SPREAD: u64 = 600;

/// Days that are looked ahead for a time of the day: one that is skipped has a next one.
const DAYS_AHEAD: i32 = 3;

/// Something that happened: a run that began, a recovery point that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past {
    /// What the clock on the wall said.
    pub wall: Timestamp,
    /// Running time since then, by a clock that nobody sets.
    pub running: Span,
    /// The machine was never off since: running time says exactly how long ago it is. Otherwise it
    /// is that long ago at least, and the wall is asked for the rest.
    pub exact: bool,
}

/// The present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Now {
    pub wall: Zoned,
    /// Running time since the engine was ready.
    pub up: Span,
}

/// A run that is due or will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// From when on it is due: within a window and outside of blackouts. May have passed.
    pub since: Timestamp,
    /// When it is to begin. Never before now; it is time when this is now.
    pub start: Timestamp,
}

impl Past {
    /// How long ago it is.
    pub fn age(&self, now: &Zoned) -> Span {
        let wall = now.timestamp().as_second().saturating_sub(self.wall.as_second());
        match u64::try_from(wall) {
            // A box that was off for so long.
            Ok(wall) if !self.exact => Span(wall.max(self.running.0)),
            // Exact, or the clock was set back since.
            _ => self.running,
        }
    }
}

/// When the next run of a system is due, given when the last one began, in whose client's zone.
/// A run that a person started counts as any. `None` when its windows never open.
///
/// A system that never ran is due since the engine was ready.
pub fn next_due(
    system: &System,
    zone: &TimeZone,
    last_started: Option<&Past>,
    now: &Now,
) -> Option<Due> {
    let windows = Windows {
        zone: zone.clone(),
        open: system.windows.clone(),
        closed: system.blackouts.clone(),
    };
    let present = now.wall.timestamp();
    let ready = ago(present, now.up);
    let due = match last_started {
        None => ready,
        Some(past) => after(&system.schedule, zone, ago(present, past.age(&now.wall)))?,
    };
    let since = windows.next_open(due)?;
    let start = start(system, &windows, since, ready, present)?;
    Some(Due { since, start })
}

/// By how much a run is late: `None` when it is not due, or due for at most `grace`.
pub fn is_missed(due: &Due, now: &Zoned, grace: Span) -> Option<Span> {
    let late = now.timestamp().as_second().saturating_sub(due.since.as_second());
    u64::try_from(late).ok().filter(|late| *late > grace.0).map(Span)
}

/// How a system stands to its RPO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RpoState {
    /// It has no recovery point.
    NoPoint,
    /// For so much longer.
    Met {
        left: Span,
    },
    Breached {
        by: Span,
    },
}

/// How a system stands to its RPO, by its newest recovery point.
pub fn rpo_state(system: &System, newest: Option<&Past>, now: &Zoned) -> RpoState {
    let Some(newest) = newest else { return RpoState::NoPoint };
    let age = newest.age(now);
    match system.rpo.0.checked_sub(age.0) {
        Some(left) => RpoState::Met { left: Span(left) },
        None => RpoState::Breached { by: Span(age.0 - system.rpo.0) },
    }
}

/// When a run is due after one that began at `last`, whatever windows say.
fn after(schedule: &Schedule, zone: &TimeZone, last: Timestamp) -> Option<Timestamp> {
    match schedule {
        Schedule::Interval(interval) => {
            Some(seconds_after(last, i64::try_from(interval.0).unwrap_or(i64::MAX)))
        }
        Schedule::Times(times) => {
            // The day before, as a time that is skipped may come after midnight.
            let today = zone.to_datetime(last).date();
            let days = (-1..=DAYS_AHEAD).filter_map(|days| add_days(today, days));
            let times = days.flat_map(|day| times.iter().map(move |time| (day, *time)));
            let instants = times.filter_map(|(day, time)| instant(zone, day, time));
            instants.filter(|instant| *instant > last).min()
        }
    }
}

/// When a run begins that is due since `since`.
fn start(
    system: &System,
    windows: &Windows,
    since: Timestamp,
    ready: Timestamp,
    now: Timestamp,
) -> Option<Timestamp> {
    let opening = match windows.is_open(now) {
        true => windows.opened(now).unwrap_or(since),
        false => windows.next_open(now)?,
    };
    let anchor = since.max(ready).max(opening);
    let spread = seconds_after(anchor, i64::try_from(offset(system)).unwrap_or(0));
    let start = if windows.is_open(spread) { spread } else { anchor };
    Some(start.max(now))
}

/// By how many seconds a system begins later than it could. Small for one that runs often.
fn offset(system: &System) -> u64 {
    let spread = match &system.schedule {
        Schedule::Interval(interval) => (interval.0 / 10).min(MAX_SPREAD),
        Schedule::Times(_) => MAX_SPREAD,
    };
    // FNV-1a: the same on every box and in every version.
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let hash = system.name.bytes().fold(0xcbf2_9ce4_8422_2325, fold);
    // Its low bits alone know little of a short name.
    (hash ^ hash >> 32).checked_rem(spread).unwrap_or(0)
}

fn ago(now: Timestamp, span: Span) -> Timestamp {
    seconds_after(now, i64::try_from(span.0).map_or(i64::MIN, |seconds| -seconds))
}
