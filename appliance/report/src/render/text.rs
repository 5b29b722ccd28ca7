//! Values and texts as people read them.

use std::fmt::Write;

use jiff::tz::TimeZone;
use model::{Bytes, Span};

use crate::period::instant;
use crate::{Cell, Report};

/// A value for people: `5.4 GB`, `2 hours 5 minutes`, `2026-11-21 20:14:03 +01:00`, `97.5 %`.
pub(super) fn people(cell: &Cell, zone: &TimeZone) -> String {
    match cell {
        Cell::Nothing(why) => (*why).to_owned(),
        Cell::Text(text) | Cell::State(_, text) => text.clone(),
        Cell::Bytes(bytes) => Bytes(*bytes).to_string(),
        Cell::Change(change) => {
            let sign = if *change < 0 { "-" } else { "+" };
            format!("{sign}{}", Bytes(change.unsigned_abs()))
        }
        Cell::Span(seconds) => Span(*seconds).to_string(),
        Cell::Time(at) => time(*at, zone),
        Cell::Count(count) => count.to_string(),
        Cell::Share { part, whole } => format!("{} %", percent(*part, *whole)),
    }
}

/// With the offset that holds then.
pub(super) fn time(at: u64, zone: &TimeZone) -> String {
    match instant(at) {
        Some(at) => at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string(),
        None => "after the year 9999".into(),
    }
}

/// As RFC 3339 has it, in the zone; none where that has no such year.
pub(super) fn rfc3339(at: u64, zone: &TimeZone) -> Option<String> {
    let at = instant(at)?;
    Some(at.display_with_offset(zone.to_offset(at)).to_string())
}

/// So many hundredths of the whole, with one digit, rounded down: 100.0 is all of it.
pub(super) fn percent(part: u64, whole: u64) -> String {
    let tenths = u128::from(part) * 1000 / u128::from(whole.max(1));
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// A text without what a reader does not see: control characters become a replacement character,
/// and marks that turn the direction of writing around become their number. Line ends stay.
pub(super) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => shown.push(character),
            '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}' => {
                // Writing to a text does not fail.
                let _ = write!(shown, "[U+{:04X}]", u32::from(character));
            }
            _ if is_no_character(character) => shown.push(char::REPLACEMENT_CHARACTER),
            _ => shown.push(character),
        }
    }
    shown
}

/// What no document may hold: controls, and code points that are never characters.
fn is_no_character(character: char) -> bool {
    let code = u32::from(character);
    character.is_control() || code & 0xfffe == 0xfffe || (0xfdd0..=0xfdef).contains(&code)
}

/// What stands at the head of each report: what it is, and of what.
pub(super) fn heads(report: &Report) -> Vec<(&'static str, String)> {
    let zone = &report.zone;
    let mut heads = vec![
        ("Report", report.title.clone()),
        ("Client", report.client.clone().unwrap_or_else(|| "whole appliance".into())),
        ("Appliance", report.appliance.clone()),
        ("From", time(report.period.from(), zone)),
        ("Until", time(report.period.to(), zone)),
        ("Made", time(report.made_at, zone)),
    ];
    if let Some(name) = zone.iana_name() {
        heads.push(("Time zone", name.to_owned()));
    }
    heads
}

/// What stands below a table that was cut.
pub(super) fn more(more: usize) -> Option<String> {
    (more > 0).then(|| format!("and {more} more"))
}

/// What the digest at the end of evidence is of.
pub(super) const DIGEST: &str = "BLAKE3 of the JSON rendering";
