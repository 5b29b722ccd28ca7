//! Windows and times of the day against a clock that is stepped minute by minute.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use model::Span;
use proptest::prelude::*;

use super::make::{system, window, zone};
use crate::{Now, Past, Schedule, Window, Windows, next_due};

/// Instants near which clocks were changed: last Sundays of March and October, the American ones,
/// a day that Samoa left out, half an hour on Lord Howe, the end of a leap year.
const CHANGES: [i64; 8] = [
    1_774_746_000,
    1_792_890_000,
    1_772_953_200,
    1_793_512_800,
    1_325_239_200,
    1_775_314_800,
    1_735_686_000,
    1_709_164_800,
];

fn instant() -> impl Strategy<Value = Timestamp> {
    let near = (prop::sample::select(&CHANGES[..]), -4 * 1440..1440i64)
        .prop_map(|(change, minutes)| Timestamp::from_second(change + minutes * 60).unwrap());
    let any = (0..60_000_000i64).prop_map(|minute| Timestamp::from_second(minute * 60).unwrap());
    prop_oneof![3 => near, 1 => any]
}

fn minute_after(at: Timestamp, minutes: i64) -> Timestamp {
    Timestamp::from_second(at.as_second() + minutes * 60).unwrap()
}

/// Whether what a clock shows is within a window, by dates and times of the calendar.
fn holds(window: &Window, shown: DateTime) -> bool {
    let length = match window.end > window.start {
        true => window.end - window.start,
        false => 1440 - window.start + window.end,
    };
    [0, 1].into_iter().any(|back: i64| {
        let day = shown.date().checked_sub(back.days()).unwrap();
        let begins = window.days.has(day.weekday().to_monday_zero_offset() as u8);
        let start = day.at(0, 0, 0, 0).checked_add(i64::from(window.start).minutes()).unwrap();
        let end = start.checked_add(i64::from(length).minutes()).unwrap();
        begins && start <= shown && shown < end
    })
}

fn is_open(windows: &Windows, at: Timestamp) -> bool {
    let shown = windows.zone.to_datetime(at);
    let within = |list: &[Window]| list.iter().any(|window| holds(window, shown));
    (windows.open.is_empty() || within(&windows.open)) && !within(&windows.closed)
}

fn all_windows() -> impl Strategy<Value = Windows> {
    let open = prop::collection::vec(window(1..1441), 0..3);
    let closed = prop::collection::vec(window(1..1441), 0..3);
    (zone(), open, closed).prop_map(|(zone, open, closed)| Windows {
        zone: TimeZone::get(&zone).unwrap(),
        open,
        closed,
    })
}

/// All instants from two days before to six after at which a time of the day begins: the first
/// time that a clock shows it, and where it skips it as much later as it skips.
fn occurrences(zone: &TimeZone, times: &[u16], around: Timestamp) -> Vec<Timestamp> {
    let mut found = Vec::new();
    let mut shown_last = zone.to_datetime(minute_after(around, -2 * 1440 - 1));
    let mut latest = shown_last;
    for minute in -2 * 1440..6 * 1440 {
        let at = minute_after(around, minute);
        let shown = zone.to_datetime(at);
        let expected = shown_last.checked_add(1.minute()).unwrap();
        // What is skipped, by the minute, then what is shown.
        let (mut skipped, mut later) = (expected, 0);
        while skipped < shown {
            if is_one_of(times, skipped) && skipped > latest {
                found.push(minute_after(at, later));
            }
            skipped = skipped.checked_add(1.minute()).unwrap();
            later += 1;
        }
        if is_one_of(times, shown) && shown > latest {
            found.push(at);
        }
        latest = latest.max(shown);
        shown_last = shown;
    }
    found.sort_unstable();
    found
}

fn is_one_of(times: &[u16], shown: DateTime) -> bool {
    let minute = u16::from(shown.hour() as u8) * 60 + u16::from(shown.minute() as u8);
    times.contains(&minute)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn windows_open_when_a_stepped_clock_says(windows in all_windows(), from in instant()) {
        for minute in (0..3 * 1440).step_by(7) {
            let at = minute_after(from, minute);
            prop_assert_eq!(windows.is_open(at), is_open(&windows, at), "{}", at);
        }
        let stepped = (0..15 * 1440).map(|minute| minute_after(from, minute));
        let stepped = stepped.into_iter().find(|at| is_open(&windows, *at));
        match windows.next_open(from) {
            Some(next) if next < minute_after(from, 15 * 1440) => {
                prop_assert_eq!(Some(next), stepped);
            }
            _ => prop_assert_eq!(None, stepped),
        }
    }

    #[test]
    fn an_opening_began_when_a_stepped_clock_says(windows in all_windows(), at in instant()) {
        let back = (0..14 * 1440).map(|minute| minute_after(at, -minute));
        let stepped = back.into_iter().take_while(|at| is_open(&windows, *at)).last();
        match (windows.opened(at), stepped) {
            (None, None) => {}
            (Some(opened), Some(stepped)) if opened > minute_after(at, -14 * 1440) => {
                prop_assert_eq!(opened, stepped);
            }
            // Open for longer than was stepped back.
            (_, Some(stepped)) => prop_assert!(stepped <= minute_after(at, -14 * 1440 + 1)),
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn times_of_the_day_come_when_a_stepped_clock_says(
        zone in zone(),
        times in prop::collection::btree_set(0..1440u16, 1..4),
        last in instant(),
    ) {
        let zone = TimeZone::get(&zone).unwrap();
        let times: Vec<u16> = times.into_iter().collect();
        let stepped = occurrences(&zone, &times, last).into_iter().find(|at| *at > last);
        let past = Past { wall: last, running: Span(0), exact: true };
        let now = Now { wall: last.to_zoned(zone.clone()), up: Span(0) };
        let due = next_due(&system(Schedule::Times(times)), &zone, Some(&past), &now);
        prop_assert_eq!(due.map(|due| due.since), stepped);
    }
}

#[test]
fn an_hour_that_is_skipped_or_shown_twice_is_right() {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let night: Window = "daily 02:00-03:00".parse().unwrap();
    let windows = Windows { zone: zone.clone(), open: vec![night], closed: vec![] };
    // 2026-03-29: from 02:00 to 03:00 there is nothing to be open.
    assert_eq!(windows.next_open(at("2026-03-28T12:00Z")), Some(at("2026-03-30T00:00Z")));
    // 2026-10-25: it is shown twice.
    assert_eq!(windows.next_open(at("2026-10-24T12:00Z")), Some(at("2026-10-25T00:00Z")));
    assert!(windows.is_open(at("2026-10-25T01:59Z")) && !windows.is_open(at("2026-10-25T02:00Z")));
    let times = system(Schedule::Times(vec![150]));
    let due = |last: &str| {
        let last = at(last);
        let past = Past { wall: last, running: Span(0), exact: true };
        let now = Now { wall: last.to_zoned(zone.clone()), up: Span(0) };
        next_due(&times, &zone, Some(&past), &now).unwrap().since
    };
    assert_eq!(due("2026-03-28T12:00Z"), at("2026-03-29T01:30Z"));
    assert_eq!(due("2026-10-24T12:00Z"), at("2026-10-25T00:30Z"));
    assert_eq!(due("2026-10-25T00:30Z"), at("2026-10-26T01:30Z"), "not a second time");
    assert_eq!(due("2026-02-28T12:00Z"), at("2026-03-01T01:30Z"));
}

#[test]
fn a_rate_is_the_least_of_the_windows_that_hold() {
    let rated = |text: &str, rate| Window { rate, ..text.parse().unwrap() };
    let open = vec![
        rated("daily 00:00-24:00", None),
        rated("Mon-Fri 08:00-18:00", Some(2_000_000)),
        rated("daily 12:00-13:00", Some(9_000_000)),
    ];
    let windows = Windows { zone: TimeZone::UTC, open, closed: vec![] };
    let rate = |text: &str| windows.rate(text.parse().unwrap());
    assert_eq!(rate("2026-11-23T12:30Z"), Some(2_000_000));
    assert_eq!(rate("2026-11-22T12:30Z"), Some(9_000_000));
    assert_eq!(rate("2026-11-22T13:00Z"), None);
}

#[test]
fn windows_that_never_open_give_nothing_to_wait_for() {
    let whole: Window = "daily 00:00-24:00".parse().unwrap();
    let windows = Windows { zone: TimeZone::UTC, open: vec![], closed: vec![whole] };
    assert_eq!(windows.next_open(Timestamp::UNIX_EPOCH), None);
    assert_eq!(windows.opened(Timestamp::UNIX_EPOCH), None);
    assert_eq!(windows.next_open(Timestamp::MAX), None);
    assert_eq!(windows.next_open(Timestamp::MIN), None);
}
