//! Spans of time and amounts of bytes as people write them in a plan.

use model::Span;

/// Units of spans, the largest first. In a plan `m` is a minute: no month is a span.
const SPANS: [(&str, u64); 5] = [("w", 604_800), ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)];

/// Units of bytes, the largest first, binary before decimal.
const BYTES: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// Most that can be written: a hundred years of 365 days.
const MAX_SPAN: u64 = 100 * 365 * 86_400;

/// Reads `4h`, `15m`, `30d`, also `1h 30m`, `2w`, `90s` and `15 min`.
pub fn parse_span(text: &str) -> Option<Span> {
    let mut rest = text.trim();
    let mut seconds: u64 = 0;
    // Each unit once, the larger before the smaller.
    let mut units = SPANS.iter();
    loop {
        let (number, after) = number(rest)?;
        let after = after.trim_start();
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(letters)?;
        let unit = if unit == "min" { "m" } else { unit };
        let (_, factor) = units.find(|(name, _)| *name == unit)?;
        seconds = seconds.checked_add(number.checked_mul(*factor)?)?;
        rest = after.trim_start();
        if rest.is_empty() {
            return (seconds <= MAX_SPAN).then_some(Span(seconds));
        }
    }
}

/// The span as [`parse_span`] reads it: in the largest unit that divides it.
pub fn span_text(span: Span) -> String {
    whole_units(span.0, &SPANS[1..], "")
}

/// Reads `20 GiB`, `500MB` or `4096 B`; also `1.5 TiB` where that is a whole number of bytes.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let (whole, after) = number(text)?;
    let (tenths, after) = match after.strip_prefix('.') {
        Some(digits) => {
            let digit = digits.chars().next()?.to_digit(10)?;
            (u64::from(digit), digits.get(1..)?)
        }
        None => (0, after),
    };
    let (_, factor) = BYTES.iter().find(|(name, _)| *name == after.trim_start())?;
    let part = tenths.checked_mul(*factor)?;
    let whole = whole.checked_mul(*factor)?;
    (part % 10 == 0).then(|| whole.checked_add(part / 10)).flatten()
}

/// The amount as [`parse_bytes`] reads it: in the largest unit that divides it.
pub fn bytes_text(bytes: u64) -> String {
    whole_units(bytes, &BYTES, " ")
}

fn whole_units(amount: u64, units: &[(&str, u64)], between: &str) -> String {
    let fits = units.iter().filter(|(_, factor)| amount > 0 && amount.is_multiple_of(*factor));
    let (unit, factor) =
        fits.max_by_key(|(_, factor)| *factor).or(units.last()).unwrap_or(&("", 1));
    format!("{}{between}{unit}", amount / factor)
}

/// The digits that a text begins with, and what follows.
fn number(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spans_are_read_as_people_write_them() {
        let seconds = |text| parse_span(text).map(|span| span.0);
        assert_eq!(seconds("4h"), Some(14_400));
        assert_eq!(seconds(" 15 m "), Some(900));
        assert_eq!(seconds("1h 30m"), Some(5400));
        assert_eq!(seconds("1d12h"), Some(129_600));
        assert_eq!(seconds("15min"), Some(900));
        for text in ["", "4", "h", "-4h", "1.5h", "4h 2h", "30m 1h", "4 parsec", "1y", "9999w"] {
            assert_eq!(seconds(text), None, "{text}");
        }
        assert_eq!(seconds("99999999999999999999s"), None);
        assert_eq!(span_text(Span(5400)), "90m");
        assert_eq!(span_text(Span(7 * 86_400)), "7d");
        assert_eq!(span_text(Span(0)), "0s");
    }

    #[test]
    fn amounts_are_read_as_people_write_them() {
        assert_eq!(parse_bytes("20 GiB"), Some(20 << 30));
        assert_eq!(parse_bytes("1.5TiB"), Some(3 << 39));
        assert_eq!(parse_bytes("500 MB"), Some(500_000_000));
        for text in ["", "20", "GiB", "1.5 B", "1.25 GiB", "-1 B", "1. GiB", "20 gib", "1.é"] {
            assert_eq!(parse_bytes(text), None, "{text}");
        }
        assert_eq!(bytes_text(2 << 30), "2 GiB");
        assert_eq!(bytes_text(20_000_000), "20 MB");
        assert_eq!(bytes_text(0), "0 B");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(number: u64, seconds in 0..=MAX_SPAN, text: String) {
            prop_assert_eq!(parse_bytes(&bytes_text(number)), Some(number));
            prop_assert_eq!(parse_span(&span_text(Span(seconds))), Some(Span(seconds)));
            parse_bytes(&text);
            parse_span(&text);
        }
    }
}
