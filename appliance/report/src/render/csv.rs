//! CSV as RFC 4180 has it: a head, then one table for each section below a line with its title, and
//! an empty line between. Amounts are plain numbers; their unit stands in the column's title.

use crate::render::text::{DIGEST, heads, more, percent, rfc3339, visible};
use crate::{Body, Cell, Field, Kind, Report, Section};

/// What a spreadsheet takes for the beginning of a formula, in full width too.
const FORMULAS: [char; 11] =
    ['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

pub(crate) fn write(report: &Report) -> String {
    let mut file = File::default();
    for (name, value) in heads(report) {
        file.record([text(name), text(&value)]);
    }
    for section in &report.sections {
        file.section(section, report);
    }
    if report.kind == Kind::Evidence {
        file.csv.push_str("\r\n");
        file.record([text(DIGEST), text(&report.digest())]);
    }
    file.csv
}

#[derive(Default)]
struct File {
    csv: String,
}

impl File {
    fn section(&mut self, section: &Section, report: &Report) {
        self.csv.push_str("\r\n");
        self.record([text(section.spec.heading)]);
        let fields = section.spec.fields;
        match &section.body {
            Body::Figures(cells) => {
                self.record([text("Figure"), text("Value")]);
                for (field, cell) in fields.iter().zip(cells) {
                    self.record([title(field), value(cell, report)]);
                }
            }
            Body::Table(table) => {
                self.record(fields.iter().map(title));
                for row in &table.rows {
                    self.record(row.iter().map(|cell| value(cell, report)));
                }
                if let Some(more) = more(table.more) {
                    self.record([text(&more)]);
                }
            }
        }
    }

    /// One record of fields that are written as they stand here.
    fn record(&mut self, fields: impl IntoIterator<Item = String>) {
        for (place, field) in fields.into_iter().enumerate() {
            if place > 0 {
                self.csv.push(',');
            }
            self.csv.push_str(&field);
        }
        self.csv.push_str("\r\n");
    }
}

/// With its unit, where plain numbers have one.
fn title(field: &Field) -> String {
    match field.kind.unit() {
        Some(unit) => text(&format!("{} ({unit})", field.title)),
        None => text(field.title),
    }
}

/// A number as it is; anything else as a text. Nothing is an empty field.
fn value(cell: &Cell, report: &Report) -> String {
    match cell {
        Cell::Nothing(_) => String::new(),
        Cell::Text(words) | Cell::State(_, words) => text(words),
        Cell::Bytes(number) | Cell::Span(number) | Cell::Count(number) => number.to_string(),
        // A sign and digits are a number and no formula.
        Cell::Change(number) => number.to_string(),
        Cell::Time(at) => {
            text(&rfc3339(*at, &report.zone).unwrap_or_else(|| "after the year 9999".into()))
        }
        Cell::Share { part, whole } => percent(*part, *whole),
    }
}

/// A text in quotes where it needs them. One that a spreadsheet would run has an apostrophe in
/// front, which spreadsheets take for the sign of a text.
fn text(text: &str) -> String {
    let mut text = visible(text);
    if text.trim_start_matches(' ').starts_with(FORMULAS) {
        text.insert(0, '\'');
    }
    match text.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}
