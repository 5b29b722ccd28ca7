//! Values that several tables have.

use std::path::{Path, PathBuf};

use document::{Table, nearest};
use jiff::tz::TimeZone;

/// One of a few words.
pub(super) fn word<T: Copy>(
    table: &Table<'_>,
    key: &str,
    parse: impl Fn(&str) -> Option<T>,
    words: &[&'static str],
) -> Option<T> {
    let text = table.text(key)?;
    let word = parse(text);
    if word.is_none() {
        let hint = match nearest(text, words.iter().copied()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("write one of \"{}\"", words.join("\", \"")),
        };
        table.wrong(key, "is no word that is known here", &hint);
    }
    word
}

/// A host: a name, or an address without brackets.
pub(super) fn host(table: &Table<'_>, key: &str) -> Option<String> {
    let host = table.text(key)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-:_".contains(c);
    if !host.chars().all(plain) {
        table.wrong(key, "is no host", "write a name or an address, without a port");
        return None;
    }
    Some(host.to_owned())
}

pub(super) fn port(table: &Table<'_>, or: u16) -> u16 {
    let port = table.number("port", 1..=u64::from(u16::MAX));
    port.and_then(|port| u16::try_from(port).ok()).unwrap_or(or)
}

pub(super) fn path(table: &Table<'_>, key: &str) -> Option<PathBuf> {
    let path = Path::new(table.text(key)?);
    if !path.is_absolute() {
        table.wrong(key, "is no absolute path", "begin it with a slash");
        return None;
    }
    Some(path.to_owned())
}

/// A time zone whose rules are known; `UTC` when none is named.
pub(super) fn zone(table: &Table<'_>) -> String {
    let zone = table.text("zone").unwrap_or("UTC");
    if TimeZone::get(zone).is_err() {
        let hint = "write its IANA name, as in \"Europe/Berlin\" or \"UTC\"";
        table.wrong("zone", "names no time zone", hint);
    }
    zone.to_owned()
}
