//! Spans of time, as people write and read them.

use std::fmt;

const UNITS: [(u64, &str); 5] =
    [(31_536_000, "year"), (86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];

/// Most that can be written: a hundred years. What is longer is a slip of the finger.
const MAX_SECONDS: u64 = 100 * 31_536_000;

/// A span of time in seconds. A year is 365 days.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Span(pub u64);

impl fmt::Display for Span {
    /// `6 days 23 hours`: the two largest units, what is smaller is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = UNITS.iter().position(|(seconds, _)| self.0 >= *seconds).unwrap_or(4);
        let mut rest = self.0;
        for (number, (seconds, unit)) in UNITS.iter().enumerate().skip(first).take(2) {
            let (count, plural) = (rest / seconds, if rest / seconds == 1 { "" } else { "s" });
            rest %= seconds;
            match number == first {
                true => write!(f, "{count} {unit}{plural}")?,
                false if count > 0 => write!(f, " {count} {unit}{plural}")?,
                false => {}
            }
        }
        Ok(())
    }
}

/// Reads `36h`, `30d`, `8w` or `1y`, also `90s` and `15min`; at most a hundred years.
pub fn parse_span(text: &str) -> Option<Span> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().ok()?;
    let factor = match unit.trim() {
        "s" => 1,
        "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        "y" => 31_536_000,
        "" if number == 0 => 1,
        _ => return None,
    };
    number.checked_mul(factor).filter(|seconds| *seconds <= MAX_SECONDS).map(Span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_people_write_them() {
        let shown = |text: &str| parse_span(text).map(|span| span.to_string());
        assert_eq!(shown("36h").as_deref(), Some("1 day 12 hours"));
        assert_eq!(shown("8w").as_deref(), Some("56 days"));
        assert_eq!(shown("1y").as_deref(), Some("1 year"));
        assert_eq!(shown("61s").as_deref(), Some("1 minute 1 second"));
        assert_eq!(shown("0").as_deref(), Some("0 seconds"));
        assert_eq!(Span(6 * 86_400 + 7199).to_string(), "6 days 1 hour");
        assert_eq!(Span(86_400 + 3599).to_string(), "1 day");
    }

    #[test]
    fn what_is_no_span_or_too_long_is_refused() {
        for text in ["", "7", "d", "-1d", "1.5h", "3m", "1 parsec", "101y", "99999999999999999999y"]
        {
            assert_eq!(parse_span(text), None, "{text}");
        }
    }
}
