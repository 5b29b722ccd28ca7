//! Clients in a document.

use std::collections::BTreeMap;

use document::{Table, nearest};
use jiff::tz::TimeZone;
use model::{Priority, Span};
use toml::Spanned;
use toml::de::DeValue;

use super::{Read, windows};
use crate::{Client, Retry, keys};

const MAX_CLIENTS: usize = 500;

/// Most rules of priority by alert code: more than there are codes.
const MAX_CODES: usize = 200;

const MINUTE: u64 = 60;
const DAY: u64 = 86_400;

pub(super) fn read<'a>(document: &Table<'a>, codes: Option<&[&str]>) -> Vec<Read<'a, Client>> {
    let mut clients: Vec<Read<'a, Client>> = Vec::new();
    for table in document.list("client", &keys::CLIENT, MAX_CLIENTS) {
        let value = client(&table, codes);
        if !value.name.is_empty() && clients.iter().any(|other| other.value.name == value.name) {
            table.wrong("name", "is that of another client", "give each its own name");
        }
        clients.push(Read { value, table });
    }
    clients
}

fn client(table: &Table<'_>, codes: Option<&[&str]>) -> Client {
    table.refuse_unknown();
    table.require("name");
    table.require("zone");
    let name = table.text("name").unwrap_or_default().to_owned();
    let code_priority = code_priorities(table, codes);
    Client {
        name,
        zone: zone(table).unwrap_or_default(),
        code_priority,
        severity_priority: severity_priorities(table),
        retry: retry(&table.table("retry", &keys::RETRY)),
    }
}

/// The name of a time zone whose rules are known.
pub(super) fn zone(table: &Table<'_>) -> Option<String> {
    let zone = table.text("zone")?;
    if TimeZone::get(zone).is_err() {
        let hint = "write its IANA name, as in \"Europe/Berlin\" or \"UTC\"";
        table.wrong("zone", &format!("names no time zone: \"{zone}\""), hint);
        return None;
    }
    Some(zone.to_owned())
}

fn code_priorities(table: &Table<'_>, codes: Option<&[&str]>) -> BTreeMap<String, Priority> {
    let mut priorities = BTreeMap::new();
    for (code, at, value) in rules(table, "code-priority") {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let form = !code.is_empty() && code.len() <= 64 && code.chars().all(plain);
        let known = codes.is_none_or(|codes| codes.contains(&code));
        if !form || !known {
            let near = nearest(code, codes.unwrap_or_default().iter().copied());
            let hint = near.map(|near| format!("did you mean `{near}`?"));
            let hint = hint.unwrap_or("write an alert code of ALERTS.md".into());
            table.problems.error(at, &format!("unknown alert code `{code}`"), &table.place, &hint);
        }
        if let Some(priority) = priority(table, code, value) {
            priorities.insert(code.to_owned(), priority);
        }
    }
    priorities
}

fn severity_priorities(table: &Table<'_>) -> BTreeMap<u8, Priority> {
    let mut priorities = BTreeMap::new();
    for (text, at, value) in rules(table, "severity-priority") {
        let number = (1..=10u8).find(|number| number.to_string() == text);
        if number.is_none() {
            let what = format!("`{text}` is no severity");
            table.problems.error(at, &what, &table.place, "write a number from 1 to 10");
        }
        let priority = priority(table, text, value);
        priorities.extend(number.zip(priority));
    }
    priorities
}

type Rule<'a> = (&'a str, usize, &'a Spanned<DeValue<'a>>);

/// Entries of a table whose keys are free.
fn rules<'a>(table: &Table<'a>, key: &str) -> Vec<Rule<'a>> {
    let rules: Vec<Rule<'a>> = table.table(key, &keys::CLIENT).entries().collect();
    if rules.len() > MAX_CODES {
        table.wrong(key, "has too many rules", &format!("at most {MAX_CODES} are read"));
    }
    rules.into_iter().take(MAX_CODES).collect()
}

fn priority(table: &Table<'_>, key: &str, value: &Spanned<DeValue<'_>>) -> Option<Priority> {
    let text = value.get_ref().as_str();
    let priority = text.and_then(Priority::parse);
    if priority.is_none() {
        let (at, what) = (value.span().start, format!("`{key}` has no priority"));
        let hint = "write \"p1\", \"p2\", \"p3\", \"notify\" or \"stored\"";
        table.problems.error(at, &what, &table.place, hint);
    }
    priority
}

fn retry(table: &Table<'_>) -> Retry {
    table.refuse_unknown();
    let default = Retry::default();
    let number = |key, least, or| {
        table.number(key, least..=100).and_then(|n| u16::try_from(n).ok()).unwrap_or(or)
    };
    Retry {
        count: number("count", 0, default.count),
        back_off: table.span("back-off", Span(1)..=Span(DAY)).unwrap_or(default.back_off),
        window: table.span("window", Span(MINUTE)..=Span(7 * DAY)).unwrap_or(default.window),
        escalate_after: number("escalate-after", 1, default.escalate_after),
        never_during: windows::windows(table, "never-during"),
    }
}
