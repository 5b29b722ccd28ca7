//! A table of the document: gives its values checked, and reports what is wrong with them.

use std::ops::RangeInclusive;

use model::Span;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::Section;
use crate::name::{is_text, nearest};
use crate::problem::{Level, Problems};
use crate::quantity::{bytes_text, parse_bytes, parse_span, span_text};

type Value<'a> = Spanned<DeValue<'a>>;

/// Most items of a list of names.
const MAX_NAMES: usize = 100;

/// A table, or an empty one in the place of one that is missing.
#[derive(Debug, Clone)]
pub struct Table<'a> {
    entries: Option<&'a DeTable<'a>>,
    section: &'static Section,
    /// How it is called in messages.
    pub place: String,
    /// Where it begins in the document.
    at: usize,
    pub problems: &'a Problems<'a>,
}

impl<'a> Table<'a> {
    pub(crate) fn document(
        entries: &'a DeTable<'a>,
        section: &'static Section,
        problems: &'a Problems<'a>,
    ) -> Self {
        let place = problems.whole.to_owned();
        Self { entries: Some(entries), section, place, at: 0, problems }
    }

    /// Tables of a list of tables.
    pub fn list(&self, key: &str, section: &'static Section, most: usize) -> Vec<Self> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            self.wrong(key, "is no list of tables", &format!("write [[{key}]] above each"));
            return Vec::new();
        };
        if items.len() > most {
            self.wrong(key, "has too many tables", &format!("at most {most} are read"));
        }
        let items = items.iter().take(most).zip(1..);
        items.map(|(item, number)| self.item(item, section, number)).collect()
    }

    fn item(&self, item: &'a Value<'a>, section: &'static Section, number: usize) -> Self {
        let entries = item.get_ref().as_table();
        let at = item.span().start;
        if entries.is_none() {
            let what = format!("item {number} of {} is no table", section.name);
            self.problems.error(at, &what, &self.place, "write name = value in { }");
        }
        let name = entries.and_then(|entries| entries.get("name"));
        let name = name.and_then(|name| name.get_ref().as_str());
        let place = match name {
            Some(name) => format!("{} \"{name}\"", section.name),
            None => format!("{} number {number}", section.name),
        };
        Self { entries, section, place, at, problems: self.problems }
    }

    /// The table under a key; an empty one when there is none.
    pub fn table(&self, key: &str, section: &'static Section) -> Self {
        let value = self.value(key);
        let entries = value.and_then(|value| value.get_ref().as_table());
        if value.is_some() && entries.is_none() {
            self.wrong(key, "is no table", "write { name = value, … }");
        }
        let place = match self.place.as_str() {
            whole if whole == self.problems.whole => format!("[{key}]"),
            outer => format!("`{key}` of {outer}"),
        };
        let at = value.map_or(self.at, |value| value.span().start);
        Self { entries, section, place, at, problems: self.problems }
    }

    /// A value of a list that may be a table: a window.
    pub fn inner(&self, value: &'a Value<'a>, section: &'static Section) -> Option<Self> {
        let (entries, place) = (value.get_ref().as_table()?, self.place.clone());
        let at = value.span().start;
        Some(Self { entries: Some(entries), section, place, at, problems: self.problems })
    }

    /// Whether there is such a table at all.
    pub fn is_there(&self) -> bool {
        self.entries.is_some()
    }

    pub fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    pub fn entries(&self) -> impl Iterator<Item = (&'a str, usize, &'a Value<'a>)> {
        let entries = self.entries.into_iter().flatten();
        entries.map(|(key, value)| (key.get_ref().as_ref(), key.span().start, value))
    }

    /// The value of a key, which must be one that the section has.
    pub fn value(&self, key: &str) -> Option<&'a Value<'a>> {
        debug_assert!(self.section.has(key), "{key} is no key of {}", self.section.name);
        self.entries?.get(key)
    }

    /// Reports keys that the section does not have, with the nearest that it has.
    pub fn refuse_unknown(&self) {
        for (key, at, _) in self.entries().filter(|(key, ..)| !self.section.has(key)) {
            let known = self.section.keys.iter().map(|key| key.name);
            let hint = match nearest(key, known.clone()) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("known are {}", known.collect::<Vec<_>>().join(", ")),
            };
            self.problems.error(at, &format!("unknown key `{key}`"), &self.place, &hint);
        }
    }

    /// Reports that a key is missing, unless it is there with a value that was reported.
    pub fn require(&self, key: &str) {
        if self.has(key) {
            return;
        }
        let known = self.section.keys.iter().find(|known| known.name == key);
        let hint = known.map(|known| format!("write {key} = {}: {}", known.example, known.meaning));
        let what = format!("`{key}` is missing");
        self.problems.error(self.at, &what, &self.place, &hint.unwrap_or_default());
    }

    /// Reports an error about the value of a key.
    pub fn wrong(&self, key: &str, what: &str, allowed: &str) {
        self.report(Level::Error, key, &format!("`{key}` {what}"), allowed);
    }

    /// Reports at a key, or at the table when it does not have it.
    pub fn report(&self, level: Level, key: &str, what: &str, hint: &str) {
        let at = self.value(key).map_or(self.at, |value| value.span().start);
        self.problems.add(level, at, what, &self.place, hint);
    }

    pub fn number(&self, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let value = self.value(key)?.get_ref().as_integer();
        let number =
            value.and_then(|value| u64::from_str_radix(value.as_str(), value.radix()).ok());
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            let (least, most) = (range.start(), range.end());
            let what = "is no number in its range";
            self.wrong(key, what, &format!("write a whole number from {least} to {most}"));
        }
        number
    }

    pub fn flag(&self, key: &str) -> Option<bool> {
        let flag = self.value(key)?.get_ref().as_bool();
        if flag.is_none() {
            self.wrong(key, "is neither true nor false", "write true or false");
        }
        flag
    }

    pub fn text(&self, key: &str) -> Option<&'a str> {
        let text = self.value(key)?.get_ref().as_str().filter(|text| is_text(text));
        if text.is_none() {
            let hint = "write 1 to 255 characters in quotes, without blanks at the ends";
            self.wrong(key, "is no text", hint);
        }
        text
    }

    pub fn span(&self, key: &str, range: RangeInclusive<Span>) -> Option<Span> {
        let text = self.value(key)?.get_ref().as_str();
        let span = text.and_then(parse_span).filter(|span| range.contains(span));
        if span.is_none() {
            let (least, most) = (span_text(*range.start()), span_text(*range.end()));
            let hint = format!(
                "write a time as in \"90s\", \"15m\", \"4h\" or \"30d\", from {least} to {most}"
            );
            self.wrong(key, "is no time in its range", &hint);
        }
        span
    }

    pub fn bytes(&self, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let text = self.value(key)?.get_ref().as_str();
        let bytes = text.and_then(parse_bytes).filter(|bytes| range.contains(bytes));
        if bytes.is_none() {
            let (least, most) = (bytes_text(*range.start()), bytes_text(*range.end()));
            let hint =
                format!("write a size as in \"20 GiB\" or \"500 MB\", from {least} to {most}");
            self.wrong(key, "is no size in its range", &hint);
        }
        bytes
    }

    /// Items of a list, each with its value; an empty list when there is none.
    pub fn items(&self, key: &str, most: usize) -> &'a [Value<'a>] {
        let Some(value) = self.value(key) else { return &[] };
        let Some(items) = value.get_ref().as_array() else {
            self.wrong(key, "is no list", "write […, …]");
            return &[];
        };
        if items.len() > most {
            self.wrong(key, "is too long a list", &format!("at most {most} items are read"));
        }
        items.get(..items.len().min(most)).unwrap_or_default()
    }

    /// A list of names without duplicates.
    pub fn names(&self, key: &str) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for item in self.items(key, MAX_NAMES) {
            match item.get_ref().as_str().filter(|text| is_text(text)) {
                Some(name) if names.iter().any(|known| known == name) => {
                    self.problems.error(
                        item.span().start,
                        &format!("`{key}` names \"{name}\" twice"),
                        &self.place,
                        "once is enough",
                    );
                }
                Some(name) => names.push(name.to_owned()),
                None => self.problems.error(
                    item.span().start,
                    &format!("an item of `{key}` is no name"),
                    &self.place,
                    "write 1 to 255 characters in quotes, without blanks at the ends",
                ),
            }
        }
        names
    }
}
