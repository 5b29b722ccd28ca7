//! What sections there are, and what each of their columns means: for makers, renderers and
//! REPORTS.md alike.

use crate::CellKind;

/// One column of a table, or one key figure.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name in JSON.
    pub key: &'static str,
    pub title: &'static str,
    pub kind: CellKind,
    /// Where it comes from.
    pub source: &'static str,
    pub meaning: &'static str,
}

/// Whether a section is a table or a list of key figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Figures,
    Table,
}

/// One section of a kind of report.
#[derive(Debug, PartialEq, Eq)]
pub struct SectionSpec {
    /// Its name in JSON.
    pub key: &'static str,
    pub heading: &'static str,
    /// Stands above it in each report.
    pub about: &'static str,
    pub shape: Shape,
    /// Only in a report about the whole appliance.
    pub whole_only: bool,
    pub fields: &'static [Field],
}

/// One field, as `field(key, title, kind, source, meaning)`.
pub(crate) const fn field(
    key: &'static str,
    title: &'static str,
    kind: CellKind,
    source: &'static str,
    meaning: &'static str,
) -> Field {
    Field { key, title, kind, source, meaning }
}

pub(crate) const fn table(
    key: &'static str,
    heading: &'static str,
    about: &'static str,
    fields: &'static [Field],
) -> SectionSpec {
    SectionSpec { key, heading, about, shape: Shape::Table, whole_only: false, fields }
}

pub(crate) const fn figures(
    key: &'static str,
    heading: &'static str,
    about: &'static str,
    fields: &'static [Field],
) -> SectionSpec {
    SectionSpec { key, heading, about, shape: Shape::Figures, whole_only: false, fields }
}

/// The same, in reports about the whole appliance alone.
pub(crate) const fn whole(spec: SectionSpec) -> SectionSpec {
    SectionSpec { whole_only: true, ..spec }
}

/// The system, in every table that has one.
pub(crate) const SYSTEM: Field = field(
    "system",
    "System",
    CellKind::Text,
    "SystemView.Name; its id where no name is known",
    "protected system",
);

/// The client that it belongs to.
pub(crate) const CLIENT: Field = field(
    "client",
    "Client",
    CellKind::Text,
    "plan and views",
    "client of the plan; none if it names none",
);
