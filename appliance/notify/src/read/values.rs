//! Values that several tables have.

use std::path::{Path, PathBuf};

use document::{Table, nearest, parse_time};
use jiff::tz::TimeZone;

use super::Read;
use crate::settings::Channel;

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

/// A minute of the day that is good.
pub(super) fn time(table: &Table<'_>, key: &str, or: u16, good: fn(u16) -> bool) -> u16 {
    let Some(text) = table.text(key) else { return or };
    let time = parse_time(text).filter(|time| good(*time));
    if time.is_none() {
        table.wrong(key, "is no time of the day", "write it in quotes, as in \"06:30\"");
    }
    time.unwrap_or(or)
}

/// The names of all channels, whatever else is wrong with them, without another message.
pub(super) fn names<'a>(channels: &[Read<'a, Option<Channel>>]) -> Vec<&'a str> {
    let name = |channel: &Read<'a, Option<Channel>>| {
        channel.table.value("name").and_then(|name| name.get_ref().as_str())
    };
    channels.iter().filter_map(name).collect()
}

/// The channels that something leads to: at least one, and none that is not there.
pub(super) fn leading(table: &Table<'_>, names: &[&str]) -> Vec<String> {
    table.require("channels");
    let channels = table.names("channels");
    known(table, "channels", &channels, names);
    if table.has("channels") && channels.is_empty() {
        table.wrong("channels", "leads nowhere", "name at least one channel");
    }
    channels
}

/// Reports names that nothing has.
pub(super) fn known(table: &Table<'_>, key: &str, names: &[String], known: &[&str]) {
    for name in names.iter().filter(|name| !known.contains(&name.as_str())) {
        let hint = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("known are {}", known.join(", ")),
        };
        table.wrong(key, &format!("names \"{name}\", which is not known"), &hint);
    }
}
