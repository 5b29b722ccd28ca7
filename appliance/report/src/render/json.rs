//! JSON: typed values, always in the same order, so that equal reports have equal bytes.
//!
//! Amounts are numbers of bytes and seconds, a time is an object with both of its forms, a share
//! one with both of its numbers. Nothing is `null`. Texts are as they came.

use jiff::tz::TimeZone;
use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq, Serializer};
use serde_json::{Value, json};

use crate::render::text::{percent, rfc3339};
use crate::{Body, Cell, Report, Section, Table};

/// The version of this form.
const FORMAT: u32 = 1;

pub(crate) fn write(report: &Report) -> String {
    // Nothing in a report has no form in JSON: keys are texts, and there are no floats.
    let mut text = serde_json::to_string_pretty(&Document(report)).unwrap_or_default();
    text.push('\n');
    text
}

struct Document<'a>(&'a Report);

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (report, zone) = (self.0, &self.0.zone);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("format", &FORMAT)?;
        map.serialize_entry("kind", report.kind.as_str())?;
        map.serialize_entry("title", &report.title)?;
        map.serialize_entry("client", &report.client)?;
        map.serialize_entry("appliance", &report.appliance)?;
        map.serialize_entry("zone", &zone.iana_name())?;
        map.serialize_entry("from", &time(report.period.from(), zone))?;
        map.serialize_entry("to", &time(report.period.to(), zone))?;
        map.serialize_entry("made_at", &time(report.made_at, zone))?;
        let sections: Vec<Part<'_>> = report.sections.iter().map(|part| Part(part, zone)).collect();
        map.serialize_entry("sections", &sections)?;
        map.end()
    }
}

struct Part<'a>(&'a Section, &'a TimeZone);

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(section, zone) = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("key", section.spec.key)?;
        map.serialize_entry("heading", section.spec.heading)?;
        map.serialize_entry("paragraphs", &section.paragraphs)?;
        match &section.body {
            Body::Figures(cells) => map.serialize_entry("figures", &Row(section, cells, zone))?,
            Body::Table(table) => {
                map.serialize_entry("columns", &Columns(section))?;
                map.serialize_entry("rows", &Rows(section, table, zone))?;
                map.serialize_entry("more", &table.more)?;
            }
        }
        map.end()
    }
}

struct Columns<'a>(&'a Section);

impl Serialize for Columns<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = self.0.spec.fields;
        let mut list = serializer.serialize_seq(Some(fields.len()))?;
        for field in fields {
            let (key, title, kind) = (field.key, field.title, field.kind.as_str());
            list.serialize_element(&json!({ "key": key, "title": title, "type": kind }))?;
        }
        list.end()
    }
}

struct Rows<'a>(&'a Section, &'a Table, &'a TimeZone);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.1.rows.iter().map(|row| Row(self.0, row, self.2)))
    }
}

struct Row<'a>(&'a Section, &'a [Cell], &'a TimeZone);

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = self.0.spec.fields.iter().zip(self.1);
        serializer.collect_map(fields.map(|(field, cell)| (field.key, value(cell, self.2))))
    }
}

fn time(at: u64, zone: &TimeZone) -> Value {
    json!({ "rfc3339": rfc3339(at, zone), "unix": at })
}

fn value(cell: &Cell, zone: &TimeZone) -> Value {
    match cell {
        Cell::Nothing(_) => Value::Null,
        Cell::Text(text) => json!(text),
        Cell::Bytes(number) | Cell::Span(number) | Cell::Count(number) => json!(number),
        Cell::Change(number) => json!(number),
        Cell::Time(at) => time(*at, zone),
        Cell::Share { part, whole } => {
            json!({ "part": part, "percent": percent(*part, *whole), "whole": whole })
        }
        Cell::State(level, word) => json!({ "level": level.as_str(), "word": word }),
    }
}
