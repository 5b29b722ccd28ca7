//! What is known of protected systems.

use model::{PointId, Span};

use super::Reading;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct SystemFacts {
    pub name: String,
    pub client: Option<String>,
    /// Its RPO; `None` only when the plan is not known.
    pub rpo: Option<Span>,
    /// Age of its newest recovery point by running time; absent when it has none.
    pub newest: Reading<Span>,
    /// For how long it has been in the plan.
    pub planned: Option<Span>,
    /// A run that was due and was not started; absent when none is.
    pub missed: Reading<Due>,
    /// How long ago it was last seen; absent for systems that are only read, never heard.
    pub seen: Reading<Span>,
    /// Recovery points with signs of an attack that nobody has looked at.
    pub suspects: Vec<Suspect>,
    /// Nothing of it expires because of them.
    pub frozen: bool,
    /// Recovery points that are due for a verify; absent when none is wanted or all are verified.
    pub unverified: Reading<Unverified>,
    /// Reads that its newest point takes, as a multiple of what it would take in order.
    pub amplification: Option<f64>,
}

/// A scheduled run that was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    pub ago: Span,
    /// Runs that were missed in a row.
    pub runs: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    pub point: PointId,
    /// What was noticed, as in `far more changed than usual`.
    pub signals: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unverified {
    pub points: u64,
    /// Age of the oldest of them.
    pub oldest: Span,
    /// Age at which a point is to be verified.
    pub within: Span,
}
