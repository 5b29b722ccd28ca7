//! Wall time: an attribute for people. It never orders and never deletes anything by itself.

use std::fmt;

/// Seconds since 1970-01-01 00:00:00 UTC, as the box's clock had it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct WallTime(pub u64);

/// A day of the Gregorian calendar, in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Date {
    pub year: u64,
    /// From 1.
    pub month: u64,
    /// From 1.
    pub day: u64,
}

impl fmt::Display for Date {
    /// `2026-11-21`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl WallTime {
    /// The day that it is in.
    pub fn date(self) -> Date {
        civil_date(self.0 / 86_400)
    }
}

impl fmt::Display for WallTime {
    /// `2026-11-21 19:14:03 UTC`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let second = self.0 % 86_400;
        write!(
            f,
            "{} {:02}:{:02}:{:02} UTC",
            self.date(),
            second / 3600,
            second / 60 % 60,
            second % 60
        )
    }
}

/// The Gregorian date of a day counted from 1970-01-01, by shifting the year's start to March so
/// that the leap day comes last.
fn civil_date(day: u64) -> Date {
    let shifted = day + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    Date { year, month, day }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_around_leap_days_are_right() {
        assert_eq!(WallTime(0).to_string(), "1970-01-01 00:00:00 UTC");
        assert_eq!(WallTime(951_782_400).to_string(), "2000-02-29 00:00:00 UTC");
        assert_eq!(WallTime(1_795_288_443).to_string(), "2026-11-21 19:14:03 UTC");
        assert_eq!(WallTime(4_107_542_400).to_string(), "2100-03-01 00:00:00 UTC");
    }
}
