//! Windows and times of day in a document.

use document::{DAY, Table, Window, WindowError, parse_time};
use toml::Spanned;
use toml::de::DeValue;

use crate::keys;

/// Most windows of a list: each day of the week in nine.
const MAX_WINDOWS: usize = 64;

/// Most times of a day: one each quarter of an hour.
const MAX_TIMES: usize = 96;

/// Rates of a window: what is less than a kilobyte a second never ends, what is more than a
/// terabyte is a slip.
const RATES: std::ops::RangeInclusive<u64> = 1_000..=1_000_000_000_000;

pub(super) fn windows(table: &Table<'_>, key: &str) -> Vec<Window> {
    let items = table.items(key, MAX_WINDOWS).iter();
    items.filter_map(|item| window(table, key, item)).collect()
}

/// A window is a text, or a table with the text and a rate.
fn window<'a>(table: &Table<'a>, key: &str, item: &'a Spanned<DeValue<'a>>) -> Option<Window> {
    let report = |error: WindowError| {
        let (at, what) = (item.span().start, format!("a window of `{key}` cannot be read"));
        table.problems.error(at, &what, &table.place, &error.to_string());
    };
    if let Some(text) = item.get_ref().as_str() {
        return text.parse().map_err(report).ok();
    }
    let Some(inner) = table.inner(item, &keys::WINDOW) else {
        report(WindowError::Form);
        return None;
    };
    inner.refuse_unknown();
    let rate = inner.bytes("rate", RATES);
    inner.require("when");
    let window: Window = inner.text("when")?.parse().map_err(report).ok()?;
    Some(Window { rate, ..window })
}

/// Times of the day in minutes, ascending.
pub(super) fn times(table: &Table<'_>, key: &str) -> Vec<u16> {
    let mut times = Vec::new();
    for item in table.items(key, MAX_TIMES) {
        let time = item.get_ref().as_str().and_then(parse_time).filter(|time| *time < DAY);
        match time {
            Some(time) => times.push(time),
            None => table.problems.error(
                item.span().start,
                &format!("a time of `{key}` cannot be read"),
                &table.place,
                "write it in quotes, as in \"06:30\", from 00:00 to 23:59",
            ),
        }
    }
    times.sort_unstable();
    times.dedup();
    times
}
