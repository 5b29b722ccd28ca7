//! Hours, days, weeks, months, years, on two calendars: the one on the wall and that of running
//! time.

use std::fmt;

use crate::WallTime;

/// A span of which a policy keeps the last recovery point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Period {
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl Period {
    /// Which one a time on the wall is in, in UTC; weeks begin on Mondays.
    pub fn of_wall(self, time: WallTime) -> u64 {
        let (date, day) = (time.date(), time.0 / 86_400);
        match self {
            Self::Hour => time.0 / 3600,
            Self::Day => day,
            // The first of January 1970 was a Thursday.
            Self::Week => (day + 3) / 7,
            Self::Month => date.year * 12 + date.month,
            Self::Year => date.year,
        }
    }

    /// Which one a pool's age is in. They are counted from the pool's first second, not back from
    /// now: the last point of a day must stay its last, or each would have its turn to go.
    pub fn of_age(self, age: u64) -> u64 {
        age / self.seconds()
    }

    /// How long it is in running time: a month of 30.44 days, a year of 365.25.
    pub fn seconds(self) -> u64 {
        match self {
            Self::Hour => 3600,
            Self::Day => 86_400,
            Self::Week => 604_800,
            Self::Month => 2_630_016,
            Self::Year => 31_557_600,
        }
    }

    /// The name of the one that a time on the wall is in: `2026-11-22 14h`, `2026-11`.
    pub fn name_of(self, time: WallTime) -> String {
        let date = time.date();
        match self {
            Self::Hour => format!("{date} {:02}h", time.0 / 3600 % 24),
            Self::Day => date.to_string(),
            Self::Week => {
                let day = time.0 / 86_400;
                let monday = day.saturating_sub((day + 3) % 7);
                format!("of {}", WallTime(monday * 86_400).date())
            }
            Self::Month => format!("{:04}-{:02}", date.year, date.month),
            Self::Year => format!("{:04}", date.year),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hour => "hourly",
            Self::Day => "daily",
            Self::Week => "weekly",
            Self::Month => "monthly",
            Self::Year => "yearly",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Period; 5] = [Period::Hour, Period::Day, Period::Week, Period::Month, Period::Year];

    #[test]
    fn periods_on_the_wall_begin_where_people_begin_them() {
        // Sunday, 2028-12-31 23:59:59.
        let last = WallTime(1_861_919_999);
        assert_eq!(last.to_string(), "2028-12-31 23:59:59 UTC");
        for period in ALL {
            let next = WallTime(last.0 + 1);
            assert_eq!(period.of_wall(last) + 1, period.of_wall(next), "{period}");
            assert_eq!(period.of_wall(last), period.of_wall(WallTime(last.0 - 3599)), "{period}");
        }
        let names = ALL.map(|period| period.name_of(last));
        assert_eq!(names, ["2028-12-31 23h", "2028-12-31", "of 2028-12-25", "2028-12", "2028"]);
        assert_eq!(Period::Week.name_of(WallTime(0)), "of 1970-01-01");
    }

    #[test]
    fn no_time_and_no_age_is_too_large() {
        for period in ALL {
            period.of_wall(WallTime(u64::MAX));
            period.name_of(WallTime(u64::MAX));
            assert_eq!(period.of_age(period.seconds() * 7 - 1), 6);
        }
    }
}
