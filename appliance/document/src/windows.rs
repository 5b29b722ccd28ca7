//! Windows in a time zone: whether something may begin at an instant, and when it may next.
//!
//! A window is a span of what the clock on the wall shows, so an hour that is shown twice is
//! within it twice and one that is skipped not at all.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use crate::Window;
use crate::window::DAY;

/// Days that are looked ahead and back: two weeks, as the only window of a week may be in an hour
/// that summer time skips, and a day on either side.
const HORIZON: i32 = 16;

/// When something may happen: within one of the open windows, or always if there is none, and not
/// within a closed one.
#[derive(Debug, Clone)]
pub struct Windows {
    pub zone: TimeZone,
    pub open: Vec<Window>,
    pub closed: Vec<Window>,
}

impl Windows {
    /// Whether it may happen at this instant.
    pub fn is_open(&self, at: Timestamp) -> bool {
        let (day, minute) = self.shown(at);
        let within = |windows: &[Window]| windows.iter().any(|window| window.holds(day, minute));
        (self.open.is_empty() || within(&self.open)) && !within(&self.closed)
    }

    /// The most bytes a second at this instant: the least of the windows that it is within. `None`
    /// when nothing bounds it; whether it is open is another question.
    pub fn rate(&self, at: Timestamp) -> Option<u64> {
        let (day, minute) = self.shown(at);
        let within = self.open.iter().filter(|window| window.holds(day, minute));
        within.filter_map(|window| window.rate).min()
    }

    /// The first instant from `from` on at which it may happen; `None` when there is none within
    /// two weeks, which means never.
    pub fn next_open(&self, from: Timestamp) -> Option<Timestamp> {
        if self.is_open(from) {
            return Some(from);
        }
        let edges = self.edges(from).into_iter();
        edges.filter(|edge| *edge > from).find(|edge| self.is_open(*edge))
    }

    /// When the opening that `at` is in began; `None` when it is closed then, or open for longer
    /// than two weeks.
    pub fn opened(&self, at: Timestamp) -> Option<Timestamp> {
        if !self.is_open(at) {
            return None;
        }
        let edges = self.edges(at).into_iter().rev();
        let begins = |edge: &Timestamp| self.is_open(*edge) && !self.is_open(before(*edge));
        edges.filter(|edge| *edge <= at).find(begins)
    }

    /// The day of the week from Monday as 0, and the minute of the day, that a clock shows.
    fn shown(&self, at: Timestamp) -> (u8, u16) {
        let shown = self.zone.to_datetime(at);
        let day = shown.date().weekday().to_monday_zero_offset();
        let minute = i16::from(shown.hour()) * 60 + i16::from(shown.minute());
        (day.unsigned_abs(), minute.unsigned_abs())
    }

    /// All instants around `at` at which it may open or close, ascending: ends of windows, and
    /// changes of the zone's offset. Some are none, which costs a look more.
    fn edges(&self, at: Timestamp) -> Vec<Timestamp> {
        let mut edges = Vec::new();
        let mut minutes: Vec<u16> = Vec::new();
        for window in self.open.iter().chain(&self.closed) {
            minutes.extend([window.start, window.end % DAY]);
        }
        minutes.sort_unstable();
        minutes.dedup();
        let today = self.zone.to_datetime(at).date();
        let days = (-HORIZON..=HORIZON).filter_map(|days| add_days(today, days));
        for day in days {
            edges.extend(minutes.iter().flat_map(|minute| instants(&self.zone, day, *minute)));
        }
        let (first, last) = (edges.iter().min().copied(), edges.iter().max().copied());
        if let (Some(first), Some(last)) = (first, last) {
            let changes = self.zone.following(first).map(|change| change.timestamp());
            edges.extend(changes.take_while(|change| *change <= last));
        }
        edges.sort_unstable();
        edges.dedup();
        edges
    }
}

/// The instants at which a clock shows a minute of a day: none that is shown is left out.
fn instants(zone: &TimeZone, day: Date, minute: u16) -> Vec<Timestamp> {
    let Some(time) = time_of(minute) else { return Vec::new() };
    let shown = zone.to_ambiguous_timestamp(day.to_datetime(time));
    [shown.earlier(), shown.later()].into_iter().flatten().collect()
}

/// The first instant at which a clock shows a minute of a day; when it skips that minute, as much
/// later as it skips.
pub fn instant(zone: &TimeZone, day: Date, minute: u16) -> Option<Timestamp> {
    let shown = zone.to_ambiguous_timestamp(day.to_datetime(time_of(minute)?));
    shown.compatible().ok()
}

fn time_of(minute: u16) -> Option<Time> {
    Time::new((minute / 60) as i8, (minute % 60) as i8, 0, 0).ok()
}

pub fn add_days(day: Date, days: i32) -> Option<Date> {
    day.checked_add(jiff::Span::new().try_days(days).ok()?).ok()
}

fn before(at: Timestamp) -> Timestamp {
    seconds_after(at, -1)
}

/// The instant so many seconds later, or the last or first one that there is.
pub fn seconds_after(at: Timestamp, seconds: i64) -> Timestamp {
    let wanted = at.as_second().saturating_add(seconds);
    let ends = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    let end = if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_second(wanted.clamp(ends.0, ends.1)).unwrap_or(end)
}
