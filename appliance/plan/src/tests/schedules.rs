//! When runs begin: spread, late, missed, and under clocks that jump.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use model::Span;
use proptest::prelude::*;

use super::make::system;
use crate::{Due, Now, Past, RpoState, Schedule, System, is_missed, next_due, rpo_state};

const HOUR: i64 = 3600;
const YEARS: i64 = 10 * 365 * 86_400;
/// A Sunday at noon.
const NOON: i64 = 1_795_348_800;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn now(second: i64, up: i64) -> Now {
    Now { wall: at(second).to_zoned(TimeZone::UTC), up: Span(up as u64) }
}

fn past(wall: i64, running: i64, exact: bool) -> Past {
    Past { wall: at(wall), running: Span(running as u64), exact }
}

fn hourly() -> System {
    system(Schedule::Interval(Span(3600)))
}

fn due(system: &System, past: Option<Past>, now: &Now) -> Due {
    next_due(system, &TimeZone::UTC, past.as_ref(), now).unwrap()
}

/// Whether a run begins at this moment.
fn begins(due: &Due, now: &Now) -> bool {
    due.start == now.wall.timestamp()
}

#[test]
fn an_interval_counts_from_the_last_start_and_a_run_now_counts_too() {
    let now = now(NOON, 9 * HOUR);
    let due = due(&hourly(), Some(past(NOON - 600, 600, true)), &now);
    assert_eq!(due.since, at(NOON + HOUR - 600));
    let spread = due.start.as_second() - due.since.as_second();
    assert!((0..360).contains(&spread), "{spread}");
    assert!(!begins(&due, &now));
}

#[test]
fn a_new_system_begins_soon_after_the_engine_is_ready_or_it_was_planned() {
    let first = due(&hourly(), None, &now(NOON, 0));
    assert!(first.start.as_second() - NOON < 360);
    let later = now(NOON + 400, 400);
    assert!(begins(&due(&hourly(), None, &later), &later), "asking does not move it away");
}

#[test]
fn a_clock_that_jumps_ahead_starts_nothing_while_running_time_is_known() {
    for jump in [YEARS, -YEARS, 90, -90] {
        let last = past(NOON - 600, 600, true);
        let now = now(NOON + jump, 9 * HOUR);
        let due = due(&hourly(), Some(last), &now);
        assert_eq!(due.since, at(NOON + jump + HOUR - 600), "{jump}");
        assert_eq!(is_missed(&due, &now.wall, Span(0)), None);
    }
}

#[test]
fn after_a_restart_in_another_time_each_system_runs_once_and_then_as_ever() {
    // Off meanwhile, and the clock says ten years later: nobody can know that it is not so.
    let ready = now(NOON + YEARS, 0);
    let starts: BTreeSet<i64> = (0..40)
        .map(|number| {
            let system = System { name: format!("system {number}"), ..hourly() };
            let due = due(&system, Some(past(NOON, 1, false)), &ready);
            due.start.as_second() - (NOON + YEARS)
        })
        .collect();
    assert!(starts.iter().all(|start| (0..360).contains(start)), "{starts:?}");
    assert!(starts.len() > 20, "not all at once: {starts:?}");
    // They began; from now on running time is known.
    let begun = past(NOON + YEARS, 60, true);
    let due = due(&hourly(), Some(begun), &now(NOON + YEARS + 60, 60));
    assert_eq!(due.since, at(NOON + YEARS + HOUR));
}

#[test]
fn a_clock_that_goes_back_over_a_restart_does_not_wait_for_the_year_to_come_again() {
    let last = past(NOON, 1800, false);
    let now = now(NOON - YEARS, 1800);
    let soon = due(&hourly(), Some(last), &now);
    assert_eq!(soon.since, at(NOON - YEARS + 1800));
    let daily = system(Schedule::Times(vec![13 * 60]));
    let soon = due(&daily, Some(last), &now);
    assert!(soon.since.as_second() - (NOON - YEARS) < 25 * HOUR);
}

#[test]
fn a_box_that_was_off_catches_up_once() {
    let daily = system(Schedule::Times(vec![6 * 60, 18 * 60]));
    let now = now(NOON, 3 * HOUR);
    let late = due(&daily, Some(past(NOON - 54 * HOUR, 4 * HOUR, false)), &now);
    assert_eq!(late.since, at(NOON - 42 * HOUR));
    assert!(begins(&late, &now));
    assert_eq!(is_missed(&late, &now.wall, Span(900)), Some(Span(42 * 3600)));
    assert_eq!(is_missed(&late, &now.wall, Span(42 * 3600)), None);
    let next = due(&daily, Some(past(NOON, 0, true)), &now);
    assert_eq!(next.since, at(NOON + 6 * HOUR));
}

#[test]
fn systems_that_wait_for_a_window_are_spread_when_it_opens() {
    let starts: BTreeSet<i64> = (0..40)
        .map(|number| {
            let windows = vec!["daily 20:00-06:00".parse().unwrap()];
            let system = System { name: format!("{number}"), windows, ..hourly() };
            let before =
                due(&system, Some(past(NOON - 9 * HOUR, 9 * 3600, true)), &now(NOON, 90_000));
            assert_eq!(before.since, at(NOON - 8 * HOUR), "still open at four in the morning");
            // Asked again when it is open, the answer is the same.
            let open = now(NOON + 8 * HOUR, 90_000 + 8 * HOUR);
            let again = due(&system, Some(past(NOON - 9 * HOUR, 17 * HOUR, true)), &open);
            assert_eq!(again.start, before.start);
            before.start.as_second() - (NOON + 8 * HOUR)
        })
        .collect();
    assert!(starts.iter().all(|start| (0..360).contains(start)), "{starts:?}");
    assert!(starts.len() > 20, "{starts:?}");
}

#[test]
fn an_objective_is_met_until_the_newest_point_is_too_old() {
    let system = hourly();
    let state = |age| rpo_state(&system, Some(&past(NOON - age, age, true)), &now(NOON, 0).wall);
    assert_eq!(state(600), RpoState::Met { left: Span(13_800) });
    assert_eq!(state(14_400), RpoState::Met { left: Span(0) });
    assert_eq!(state(14_401), RpoState::Breached { by: Span(1) });
    assert_eq!(rpo_state(&system, None, &now(NOON, 0).wall), RpoState::NoPoint);
    let set_back = past(NOON + YEARS, 20_000, true);
    let state = rpo_state(&system, Some(&set_back), &now(NOON, 0).wall);
    assert_eq!(state, RpoState::Breached { by: Span(5600) });
}

proptest! {
    /// Runs of a box whose clock is set at random, which is restarted at random: they are never
    /// closer than the interval and the spread allow while it runs on, and never further apart in
    /// running time than the interval and the spread.
    #[test]
    fn no_clock_starts_over_and_over_or_never(
        steps in prop::collection::vec(
            (
                1..600i64,
                prop::option::weighted(0.1, -YEARS..YEARS),
                prop::bool::weighted(0.03),
            ),
            50..400,
        ),
    ) {
        let system = hourly();
        let (mut wall, mut up) = (NOON + 20 * YEARS / 10, 0);
        let mut last: Option<Past> = None;
        let mut since_last = 0;
        for (passed, jump, restart) in steps {
            wall = (wall + passed + jump.unwrap_or(0)).clamp(0, NOON + 4 * YEARS);
            since_last += passed;
            up += passed;
            if let Some(last) = &mut last {
                last.running = Span(last.running.0 + passed as u64);
                last.exact &= !restart;
            }
            if restart {
                up = 0;
            }
            let now = now(wall, up);
            if begins(&due(&system, last, &now), &now) {
                let exact = last.is_some_and(|last| last.exact);
                prop_assert!(!exact || since_last >= HOUR, "{} s after the last", since_last);
                last = Some(past(wall, 0, true));
                since_last = 0;
            }
            // A restart begins the spread anew, and a step is ten minutes at most.
            prop_assert!(up <= 960 || since_last <= HOUR + 960, "{} s without", since_last);
        }
    }
}
