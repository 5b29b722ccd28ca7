//! From a document to a plan, or to all that is wrong with it.
//!
//! The text is read to its end whatever is found: a value that is wrong is reported and left out,
//! so that one slip is one message. Bounds stand before the parser (the size of the document) and
//! at each list, so no document takes more memory or time than its size explains.

mod clients;
mod problem;
mod section;
mod settings;
mod source;
mod systems;
mod windows;

pub use problem::{Level, Problem};

use std::ops::Range;

use toml::de::DeTable;

use crate::{Plan, check, keys};
use problem::Problems;
use section::Table;

/// Largest document, in bytes: thousands of systems.
pub const MAX_DOCUMENT: usize = 1 << 20;

/// The only version of the format so far.
const FORMAT: u64 = 1;

/// What came of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// None when a problem is an error.
    pub plan: Option<Plan>,
    /// Errors and warnings in the order of the document.
    pub problems: Vec<Problem>,
}

/// Reads a plan. Alert codes in it are taken as they are.
pub fn parse(text: &str) -> Parsed {
    parse_knowing(text, None)
}

/// Reads a plan of which the alert codes must be among these.
pub fn parse_knowing(text: &str, codes: Option<&[&str]>) -> Parsed {
    let problems = Problems::new(text);
    if text.len() > MAX_DOCUMENT {
        let what = format!("the document has {} bytes", text.len());
        problems.error(0, &what, "the plan", &format!("at most {MAX_DOCUMENT} are read"));
        return Parsed { plan: None, problems: problems.into_sorted() };
    }
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let at = error.span().map_or(0, |Range { start, .. }| start);
        problems.error(at, error.message(), "the plan", "this is no TOML");
    }
    // What could be read of a broken document would give errors that are none.
    let plan = errors.is_empty().then(|| {
        let table = Table::document(document.get_ref(), &problems);
        plan(&table, codes)
    });
    let plan = plan.filter(|_| !problems.has_errors());
    Parsed { plan, problems: problems.into_sorted() }
}

fn plan(document: &Table<'_>, codes: Option<&[&str]>) -> Plan {
    match document.number("format", 0..=u64::MAX) {
        Some(FORMAT) => {}
        Some(_) => document.wrong("format", "is of another version", "this version reads 1"),
        None => document.require("format"),
    }
    let clients = clients::read(document, codes);
    let systems = systems::read(document, &clients);
    let maintenance = settings::maintenance(document);
    let limits = settings::limits(document);
    document.refuse_unknown();
    let plan = Plan {
        clients: clients.into_iter().map(|client| client.value).collect(),
        systems: systems.iter().map(|system| system.value.clone()).collect(),
        maintenance,
        limits,
    };
    for system in &systems {
        check::system(&system.value, &|level, key, what, hint| {
            system.table.report(level, key, what, hint);
        });
    }
    plan
}

/// Something that was read, with where it stands.
struct Read<'a, T> {
    value: T,
    table: Table<'a>,
}

impl keys::Section {
    fn has(&self, name: &str) -> bool {
        self.keys.iter().any(|key| key.name == name)
    }
}
