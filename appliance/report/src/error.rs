//! What this crate refuses.

use thiserror::Error;

/// Why there is no report.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReportError {
    #[error("the plan has no client {client:?}; name one that `holdfast plan show` lists")]
    UnknownClient { client: String },
    #[error("there is no report {word:?}; the kinds are in REPORTS.md, as in job-summary")]
    UnknownKind { word: String },
    /// A period ends after it begins.
    #[error("a period from {from} to {to} has no length; give an end that is after its beginning")]
    NoPeriod { from: u64, to: u64 },
}
