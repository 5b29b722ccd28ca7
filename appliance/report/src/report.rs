//! A report: values in sections, which renderers write.

use jiff::tz::TimeZone;

use crate::render::{csv, html, json};
use crate::{Cell, Kind, Period, SectionSpec};

/// Most rows of a table; what is beyond is counted. More than a plan has systems and more than the
/// bus has jobs.
pub(crate) const ROWS_MAX: usize = 2_500;

/// One report.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    pub kind: Kind,
    pub title: String,
    /// The client that it is about; none for the whole appliance.
    pub client: Option<String>,
    pub period: Period,
    /// Seconds since 1970 in UTC, as everything below.
    pub made_at: u64,
    /// Name of the appliance.
    pub appliance: String,
    /// In which times are shown.
    pub zone: TimeZone,
    pub sections: Vec<Section>,
}

/// One section, with one table or one list of key figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    pub spec: &'static SectionSpec,
    /// What the figures or the rows mean.
    pub paragraphs: Vec<String>,
    pub body: Body,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// One cell for each field.
    Figures(Vec<Cell>),
    Table(Table),
}

/// Rows, each with one cell for each field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub rows: Vec<Vec<Cell>>,
    /// Rows that were left out at the end.
    pub more: usize,
}

impl Report {
    /// A whole HTML document: no script, nothing that is loaded, prints on A4.
    pub fn html(&self) -> String {
        html::write(self)
    }

    /// One table for each section, as RFC 4180 has it, in UTF-8.
    pub fn csv(&self) -> String {
        csv::write(self)
    }

    /// Typed values. The same report gives the same bytes, which is what [`Report::digest`] is of.
    pub fn json(&self) -> String {
        json::write(self)
    }

    /// BLAKE3 of the JSON rendering, as `b3sum` prints it of that file.
    pub fn digest(&self) -> String {
        blake3::hash(self.json().as_bytes()).to_hex().to_string()
    }
}

impl Section {
    pub(crate) fn figures(spec: &'static SectionSpec, cells: Vec<Cell>) -> Self {
        Self { spec, paragraphs: vec![spec.about.to_owned()], body: Body::Figures(cells) }
    }

    /// With as many rows as a table may have, and the number of the others.
    pub(crate) fn table(spec: &'static SectionSpec, mut rows: Vec<Vec<Cell>>) -> Self {
        let more = rows.len().saturating_sub(ROWS_MAX);
        rows.truncate(ROWS_MAX);
        let paragraphs = vec![spec.about.to_owned()];
        Self { spec, paragraphs, body: Body::Table(Table { rows, more }) }
    }
}
