//! What is known of jobs and of maintenance.

use std::fmt;

use model::Span;

use crate::Side;

/// The newest run of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFacts {
    /// The same for each run, as in `ingest of mail`: an alert is about the job, not about a run.
    pub name: String,
    pub client: Option<String>,
    pub state: JobState,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobState {
    /// It waits, for its turn or for its window.
    Waiting,
    Running {
        ran: Span,
        /// Since when no byte has moved; `None` for jobs that move none for long by nature.
        silent: Option<Span>,
        /// Its own deadline, where it has one.
        deadline: Option<Span>,
    },
    Ended(Ended),
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    Well,
    /// It did what it should, and something was odd.
    Warned {
        warnings: u64,
        /// The first of them, and what to do about it.
        error: String,
        next: String,
        side: Side,
    },
    Failed {
        error: String,
        /// What to do about it, as a sentence without its full stop.
        next: String,
        side: Side,
        /// In a row, with this one.
        failures: u32,
        /// In what time it is tried again, as long as its client wants no person to know yet.
        retry: Option<Span>,
    },
    /// A person did it.
    Cancelled,
    /// The box stopped.
    Interrupted,
}

/// A task that keeps the store sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaintenanceFacts {
    pub kind: MaintenanceKind,
    /// How long ago it last ended well; if it never did, since when it could have.
    pub last: Span,
    /// How often it is due.
    pub every: Span,
    /// Why its newest run failed.
    pub error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MaintenanceKind {
    Scrub,
    Reclaim,
    Verify,
    Expire,
    /// Checkpoints of the catalog and copies of the operational state into the store.
    Catalog,
}

impl fmt::Display for MaintenanceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scrub => "scrub",
            Self::Reclaim => "reclaim",
            Self::Verify => "verify",
            Self::Expire => "expire",
            Self::Catalog => "catalog checkpoint",
        })
    }
}
