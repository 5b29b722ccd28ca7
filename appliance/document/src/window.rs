//! A window: on which days, from when to when.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Minutes of a day.
pub const DAY: u16 = 24 * 60;

const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Days of the week; never none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Days(u8);

impl Days {
    /// All seven.
    pub const DAILY: Self = Self(0x7f);

    /// From seven bits, the lowest for Monday. `None` when there is no day or no such bit.
    pub fn from_bits(bits: u8) -> Option<Self> {
        (1..=0x7f).contains(&bits).then_some(Self(bits))
    }

    /// Whether a day is among them, counted from Monday as 0.
    pub fn has(self, day: u8) -> bool {
        day < 7 && self.0 & (1 << day) != 0
    }
}

/// A span of the day on some days of the week, in a time zone that stands elsewhere. It belongs to
/// the day on which it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    pub days: Days,
    /// First minute of the day, below 1440.
    pub start: u16,
    /// Minute at which it ends, 1 to 1440. At or before `start` it ends on the next day.
    pub end: u16,
    /// Most bytes a second within it, for what is shaped; `None` for no bound.
    pub rate: Option<u64>,
}

impl Window {
    /// Whether a minute of a day, counted from Monday as 0, is within it.
    pub fn holds(&self, day: u8, minute: u16) -> bool {
        let yesterday = (day + 6) % 7;
        match self.start < self.end {
            true => self.days.has(day) && (self.start..self.end).contains(&minute),
            false => {
                self.days.has(day) && minute >= self.start
                    || self.days.has(yesterday) && minute < self.end
            }
        }
    }
}

/// Why a text is no window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WindowError {
    #[error(
        "a window is written as in \"Mon-Fri 20:00-06:00\", \"Sat,Sun 00:00-24:00\" or \
         \"daily 22:00-05:00\""
    )]
    Form,
    #[error("days are Mon, Tue, Wed, Thu, Fri, Sat, Sun, ranges of them, or daily")]
    Days,
    #[error("times are written as in 06:30, from 00:00 to 24:00")]
    Time,
}

impl FromStr for Window {
    type Err = WindowError;

    /// Reads `Mon-Fri 20:00-06:00`, without a rate.
    fn from_str(text: &str) -> Result<Self, WindowError> {
        let (days, times) = text.trim().split_once(' ').ok_or(WindowError::Form)?;
        let (start, end) = times.trim().split_once('-').ok_or(WindowError::Form)?;
        let start = parse_time(start).filter(|start| *start < DAY).ok_or(WindowError::Time)?;
        let end = parse_time(end).filter(|end| *end > 0).ok_or(WindowError::Time)?;
        let days = days.parse()?;
        Ok(Self { days, start, end, rate: None })
    }
}

impl fmt::Display for Window {
    /// Without its rate.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}-{}", self.days, time_text(self.start), time_text(self.end))
    }
}

impl FromStr for Days {
    type Err = WindowError;

    /// Reads `Mon-Fri`, `Sat,Sun`, `Fri-Mon` and `daily`.
    fn from_str(text: &str) -> Result<Self, WindowError> {
        if text.eq_ignore_ascii_case("daily") {
            return Ok(Self::DAILY);
        }
        let mut bits = 0;
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (mut day, last) = (day_of(first)?, day_of(last)?);
            bits |= 1 << day;
            while day != last {
                day = (day + 1) % 7;
                bits |= 1 << day;
            }
        }
        Self::from_bits(bits).ok_or(WindowError::Days)
    }
}

fn day_of(name: &str) -> Result<u8, WindowError> {
    let place = NAMES.iter().position(|known| name.trim().eq_ignore_ascii_case(known));
    place.map(|place| place as u8).ok_or(WindowError::Days)
}

impl fmt::Display for Days {
    /// `daily`, or days in the order of the week, three and more in a row as a range.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::DAILY {
            return f.write_str("daily");
        }
        let name = |day: u8| NAMES.get(usize::from(day)).copied().unwrap_or_default();
        let (mut day, mut parts) = (0, Vec::new());
        while day < 7 {
            let run = (day..7).take_while(|day| self.has(*day)).count() as u8;
            match run {
                0 => {}
                1 | 2 => parts.extend((day..day + run).map(|day| name(day).to_owned())),
                _ => parts.push(format!("{}-{}", name(day), name(day + run - 1))),
            }
            day += run.max(1);
        }
        f.write_str(&parts.join(","))
    }
}

/// Reads `06:30`, up to `24:00`, as minutes of the day.
pub fn parse_time(text: &str) -> Option<u16> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let two = |text: &str| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u16>().ok()).flatten()
    };
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    let time = hours * 60 + minutes;
    (minutes < 60 && time <= DAY).then_some(time)
}

pub fn time_text(minutes: u16) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn window(text: &str) -> Window {
        text.parse().unwrap()
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_it_begins_on() {
        let night = window("Fri 20:00-06:00");
        assert!(night.holds(4, 20 * 60) && night.holds(5, 359));
        assert!(!night.holds(4, 359) && !night.holds(5, 20 * 60) && !night.holds(5, 360));
        let whole = window("Sun 00:00-24:00");
        assert!(whole.holds(6, 0) && whole.holds(6, 1439) && !whole.holds(0, 0));
        let around = window("Sun 12:00-12:00");
        assert!(around.holds(6, 720) && around.holds(0, 719) && !around.holds(0, 720));
    }

    #[test]
    fn windows_are_written_as_they_are_read() {
        assert_eq!(window("sat,SUN,mon 00:00-06:00").to_string(), "Mon,Sat,Sun 00:00-06:00");
        assert_eq!(window("Fri-Mon 22:00-24:00").to_string(), "Mon,Fri-Sun 22:00-24:00");
        assert_eq!(window("Mon-Sun 22:00-05:00").to_string(), "daily 22:00-05:00");
        let errors = [
            ("20:00-06:00", WindowError::Form),
            ("daily 20:00", WindowError::Form),
            ("Mo 20:00-06:00", WindowError::Days),
            (", 20:00-06:00", WindowError::Days),
            ("Mon 24:00-06:00", WindowError::Time),
            ("Mon 06:00-00:00", WindowError::Time),
            ("Mon 6:00-07:00", WindowError::Time),
            ("Mon 06:60-07:00", WindowError::Time),
            ("Mon 06:00-24:01", WindowError::Time),
        ];
        for (text, error) in errors {
            assert_eq!(text.parse::<Window>(), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_window_reads_back(
            bits in 1u8..=0x7f,
            start in 0..DAY,
            end in 1..=DAY,
            text: String,
        ) {
            let window = Window { days: Days(bits), start, end, rate: None };
            prop_assert_eq!(window.to_string().parse(), Ok(window));
            let _ = text.parse::<Window>();
        }
    }
}
