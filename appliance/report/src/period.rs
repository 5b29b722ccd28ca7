//! The time that a report is about.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::ReportError;

pub(crate) const DAY: u64 = 86_400;

/// From one instant to another, in seconds since 1970 in UTC; the end is no part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    from: u64,
    to: u64,
}

impl Period {
    /// Refuses one that does not end after it begins.
    pub fn new(from: u64, to: u64) -> Result<Self, ReportError> {
        if from >= to {
            return Err(ReportError::NoPeriod { from, to });
        }
        Ok(Self { from, to })
    }

    /// So many days of 24 hours, at least one second, up to `to`.
    pub fn days_before(days: u64, to: u64) -> Self {
        let to = to.max(1);
        let from = to.saturating_sub(days.saturating_mul(DAY)).min(to - 1);
        Self { from, to }
    }

    /// The whole day, as a clock in the zone shows it, before the one that `at` is in. A day is
    /// that of summer time too: 23 or 25 hours.
    pub fn day_before(at: u64, zone: &TimeZone) -> Self {
        Self::before(at, zone, 1, |now| now.start_of_day(), |start| start.yesterday())
    }

    /// So too for the month.
    pub fn month_before(at: u64, zone: &TimeZone) -> Self {
        let start = |now: &Zoned| now.first_of_month()?.start_of_day();
        let back = |start: &Zoned| start.checked_sub(jiff::Span::new().months(1));
        Self::before(at, zone, 31, start, back)
    }

    /// Where the calendar has no such span, days of 24 hours stand for it.
    fn before(
        at: u64,
        zone: &TimeZone,
        days: u64,
        start: impl Fn(&Zoned) -> Result<Zoned, jiff::Error>,
        back: impl Fn(&Zoned) -> Result<Zoned, jiff::Error>,
    ) -> Self {
        let calendar = || {
            let to = start(&instant(at)?.to_zoned(zone.clone())).ok()?;
            let from = start(&back(&to).ok()?).ok()?;
            let seconds = |at: &Zoned| u64::try_from(at.timestamp().as_second()).ok();
            Self::new(seconds(&from)?, seconds(&to)?).ok()
        };
        calendar().unwrap_or_else(|| Self::days_before(days, at))
    }

    pub fn from(&self) -> u64 {
        self.from
    }

    pub fn to(&self) -> u64 {
        self.to
    }

    /// Whether something happened within it; what never happened (0) did not.
    pub fn holds(&self, at: u64) -> bool {
        at != 0 && (self.from..self.to).contains(&at)
    }

    /// Whether something that began at one time and ended at another, if it ended, was there within
    /// the period.
    pub fn meets(&self, began: u64, ended: Option<u64>) -> bool {
        began < self.to && ended.is_none_or(|ended| ended >= self.from)
    }
}

/// The instant; none after the year 9999, which no calendar has.
pub(crate) fn instant(at: u64) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(at).ok()?).ok()
}
