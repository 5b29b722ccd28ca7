//! From a document to a plan, or to all that is wrong with it.

mod clients;
mod settings;
mod source;
mod systems;
mod windows;

use document::{Problem, Table, read};

use crate::{Plan, check, keys};

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
    let (plan, problems) = read(text, "the plan", &keys::DOCUMENT, |table| plan(table, codes));
    Parsed { plan, problems }
}

fn plan(document: &Table<'_>, codes: Option<&[&str]>) -> Plan {
    let clients = clients::read(document, codes);
    let systems = systems::read(document, &clients);
    let maintenance = settings::maintenance(document);
    let limits = settings::limits(document);
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
