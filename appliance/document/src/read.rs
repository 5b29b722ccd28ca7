//! From a text to a value, or to all that is wrong with it.
//!
//! The text is read to its end whatever is found: a value that is wrong is reported and left out,
//! so that one slip is one message. Bounds stand before the parser (the size of the document) and
//! at each list, so no document takes more memory or time than its size explains.

use std::ops::Range;

use toml::de::DeTable;

use crate::problem::{Problem, Problems};
use crate::{Section, Table};

/// Largest document, in bytes: thousands of tables.
pub const MAX_DOCUMENT: usize = 1 << 20;

/// The only version of the formats so far.
const FORMAT: u64 = 1;

/// Reads a document of which the top level is `section`, called `whole` in messages ("the plan").
/// `value` makes a value of it and reports what is wrong on the way. Gives problems in the order
/// of the document, and the value when none of them is an error.
pub fn read<T>(
    text: &str,
    whole: &'static str,
    section: &'static Section,
    value: impl FnOnce(&Table<'_>) -> T,
) -> (Option<T>, Vec<Problem>) {
    let problems = Problems::new(text, whole);
    if text.len() > MAX_DOCUMENT {
        let what = format!("the document has {} bytes", text.len());
        problems.error(0, &what, whole, &format!("at most {MAX_DOCUMENT} are read"));
        return (None, problems.into_sorted());
    }
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let at = error.span().map_or(0, |Range { start, .. }| start);
        problems.error(at, error.message(), whole, "this is no TOML");
    }
    // What could be read of a broken document would give errors that are none.
    let value = errors.is_empty().then(|| {
        let table = Table::document(document.get_ref(), section, &problems);
        format(&table);
        let value = value(&table);
        table.refuse_unknown();
        value
    });
    let value = value.filter(|_| !problems.has_errors());
    (value, problems.into_sorted())
}

fn format(document: &Table<'_>) {
    match document.number("format", 0..=u64::MAX) {
        Some(FORMAT) => {}
        Some(_) => document.wrong("format", "is of another version", "this version reads 1"),
        None => document.require("format"),
    }
}
