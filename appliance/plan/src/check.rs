//! Whether a system's schedule can keep what its objectives promise.
//!
//! Windows are looked at over a week as the clock on the wall shows it, minute by minute; an hour
//! of summer time more or less is not looked at.

use document::{DAY, Level};
use model::Span;

use crate::{Schedule, System, Window};

/// Minutes of a week.
const WEEK: usize = 7 * DAY as usize;

/// Shortest opening, in minutes, in which a run can be counted on to begin.
const LEAST_OPEN: usize = 15;

/// Gets a problem: how bad, at which key, what, and what to do.
pub(crate) type Report<'a> = &'a dyn Fn(Level, &str, &str, &str);

pub(crate) fn system(system: &System, report: Report<'_>) {
    rhythm(system, report);
    if system.windows.is_empty() && system.blackouts.is_empty() {
        return;
    }
    let open = week(system);
    match longest(&open, true) {
        0 => report(
            Level::Error,
            "blackouts",
            "blackouts cover every window, so no run ever begins",
            "leave time between them",
        ),
        minutes if minutes < LEAST_OPEN => {
            let what = format!("the longest opening is {minutes} minutes");
            let hint = format!("at least {LEAST_OPEN} minutes in a row must be open");
            report(Level::Error, "windows", &what, &hint);
        }
        _ => gaps(system, &open, report),
    }
}

/// Without windows: whether runs are as often as the RPO wants.
fn rhythm(system: &System, report: Report<'_>) {
    let (key, apart) = match &system.schedule {
        Schedule::Interval(interval) => ("interval", *interval),
        Schedule::Times(times) => ("times", minutes(apart(&daily(times), DAY.into()))),
    };
    if apart > system.rpo {
        let what = format!("runs are {apart} apart, but `rpo` is {}", system.rpo);
        report(Level::Error, key, &what, "run more often, or promise less");
    }
}

/// With windows: whether they are ever shut for too long.
fn gaps(system: &System, open: &[bool], report: Report<'_>) {
    let apart = match &system.schedule {
        Schedule::Interval(interval) => {
            Span(interval.0.saturating_add(minutes(longest(open, false)).0))
        }
        Schedule::Times(times) => minutes(apart(&starts(times, open), WEEK)),
    };
    if apart > system.rpo {
        let what = format!("runs may be {apart} apart, but `rpo` is {}", system.rpo);
        let hint = "widen the windows, shorten the blackouts, or promise less";
        report(Level::Warning, "windows", &what, hint);
    }
}

fn minutes(count: usize) -> Span {
    Span(count as u64 * 60)
}

/// Which minutes of the week are open, from Monday on.
fn week(system: &System) -> Vec<bool> {
    let mut open = vec![system.windows.is_empty(); WEEK];
    system.windows.iter().for_each(|window| paint(&mut open, window, true));
    system.blackouts.iter().for_each(|window| paint(&mut open, window, false));
    open
}

fn paint(week: &mut [bool], window: &Window, value: bool) {
    let (start, end) = (usize::from(window.start), usize::from(window.end));
    let length = if start < end { end - start } else { usize::from(DAY) - start + end };
    for day in (0..7u8).filter(|day| window.days.has(*day)) {
        let first = usize::from(day) * usize::from(DAY) + start;
        let last = first + length;
        // What goes beyond Sunday goes on at Monday.
        for range in [first..last.min(WEEK), 0..last.saturating_sub(WEEK)] {
            week.get_mut(range).unwrap_or_default().fill(value);
        }
    }
}

/// The longest run of minutes with this value; Monday follows Sunday.
fn longest(week: &[bool], value: bool) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for minute in week.iter().chain(week) {
        run = if *minute == value { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest.min(WEEK)
}

/// The minutes of the week at which runs begin: the first open one from each time on.
fn starts(times: &[u16], open: &[bool]) -> Vec<usize> {
    // Walking back, the next open minute is always known; twice around, for the week's end.
    let mut next = vec![0; WEEK];
    let mut nearest = 0;
    for minute in (0..2 * WEEK).rev() {
        if open.get(minute % WEEK) == Some(&true) {
            nearest = minute;
        }
        if let Some(next) = next.get_mut(minute % WEEK) {
            *next = nearest % WEEK;
        }
    }
    let days =
        (0..7).flat_map(|day| daily(times).into_iter().map(move |t| day * usize::from(DAY) + t));
    let mut starts: Vec<usize> = days.filter_map(|due| next.get(due).copied()).collect();
    starts.sort_unstable();
    starts.dedup();
    starts
}

fn daily(times: &[u16]) -> Vec<usize> {
    times.iter().map(|time| usize::from(*time)).collect()
}

/// The most minutes between neighbours on a circle of so many, which are ascending.
fn apart(starts: &[usize], circle: usize) -> usize {
    let (Some(first), Some(last)) = (starts.first(), starts.last()) else { return circle };
    let around = first + circle - last;
    let between = starts.windows(2).filter_map(|pair| match pair {
        [before, after] => after.checked_sub(*before),
        _ => None,
    });
    between.chain([around]).max().unwrap_or(circle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn painted(windows: &[&str]) -> Vec<bool> {
        let mut open = vec![false; WEEK];
        for window in windows {
            paint(&mut open, &window.parse().unwrap(), true);
        }
        open
    }

    #[test]
    fn a_painted_week_is_what_its_windows_hold() {
        for text in
            ["Mon-Fri 20:00-06:00", "Sun 12:00-12:00", "daily 00:00-24:00", "Sun 23:59-00:01"]
        {
            let window: Window = text.parse().unwrap();
            let week = painted(&[text]);
            for (minute, open) in week.iter().enumerate() {
                let (day, minute) = (minute / usize::from(DAY), minute % usize::from(DAY));
                assert_eq!(window.holds(day as u8, minute as u16), *open, "{text} {day} {minute}");
            }
        }
    }

    #[test]
    fn runs_of_minutes_go_on_over_sunday() {
        let week = painted(&["Sun 22:00-24:00", "Mon 00:00-03:00"]);
        assert_eq!(longest(&week, true), 300);
        assert_eq!(longest(&week, false), WEEK - 300);
        assert_eq!(longest(&painted(&["daily 00:00-24:00"]), true), WEEK);
    }

    #[test]
    fn times_outside_of_windows_wait_for_the_next() {
        let week = painted(&["Mon-Fri 20:00-22:00"]);
        let starts = starts(&[12 * 60, 21 * 60], &week);
        assert_eq!(starts.len(), 10);
        assert_eq!(starts[..2], [20 * 60, 21 * 60]);
        // From Friday 21:00 to Monday 20:00.
        assert_eq!(apart(&starts, WEEK), 71 * 60);
        assert_eq!(apart(&[360], 1440), 1440);
        assert_eq!(apart(&[0, 360, 1080], 1440), 720);
    }
}
