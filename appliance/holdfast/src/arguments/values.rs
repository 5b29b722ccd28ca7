//! Amounts, rates, shares and times as people type them.

use std::num::NonZeroU64;
use std::time::Duration;

pub(super) fn bytes(text: &str) -> Result<u64, String> {
    model::parse_bytes(text).ok_or_else(|| "an amount as in 500GiB or 64M is expected".to_owned())
}

pub(super) fn rate(text: &str) -> Result<NonZeroU64, String> {
    let wanted = "bytes a second as in 50M are expected, at least 1";
    model::parse_bytes(text).and_then(NonZeroU64::new).ok_or_else(|| wanted.to_owned())
}

pub(super) fn percent(text: &str) -> Result<u32, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim().parse();
    let wanted = "a share from 1% to 100% is expected";
    number.ok().filter(|share| (1..=100).contains(share)).ok_or_else(|| wanted.to_owned())
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3600),
        "d" => Some(86_400),
        _ => None,
    };
    let number: Option<u64> = number.parse().ok();
    let all = seconds.zip(number).and_then(|(seconds, number)| number.checked_mul(seconds));
    all.map(Duration::from_secs)
        .ok_or_else(|| "a time as in 30s, 90m, 6h or 2d is expected".to_owned())
}
