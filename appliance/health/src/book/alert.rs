//! An alert, and what changes about it.

use model::{Span, WallTime};
use serde::{Deserialize, Serialize};

use crate::{AlertCode, Finding, Subject};

/// When something is. Only running time counts; the wall is written down for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Running time by a clock that nobody can set. It may begin anew with each start.
    pub running: Span,
    pub wall: WallTime,
}

/// What makes two findings the same alert.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) code: AlertCode,
    pub(super) subject: Subject,
}

impl Key {
    pub(super) fn of(finding: &Finding) -> Self {
        Self { code: finding.code, subject: finding.subject.clone() }
    }
}

/// Something wrong that people are to know of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// As it was found last.
    pub finding: Finding,
    /// The wall clock when it was raised.
    pub raised: WallTime,
    /// The wall clock when it was found last.
    pub seen: WallTime,
    /// How often it went away and came back within its hold time.
    pub returns: u32,
    pub acknowledged: Option<Acknowledged>,
    /// The book's running time when it was last told of, in seconds.
    pub(super) told: u64,
    /// Since when it is not found any more, by the book's running time.
    pub(super) gone: Option<u64>,
    /// The largest count that was told.
    pub(super) told_count: u64,
}

/// Who knows of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    pub by: String,
    #[serde(with = "super::saved::seconds")]
    pub wall: WallTime,
}

impl Alert {
    pub(super) fn new(finding: Finding, now: u64, raised: WallTime) -> Self {
        let told_count = finding.count;
        Self {
            finding,
            raised,
            seen: raised,
            returns: 0,
            acknowledged: None,
            told: now,
            gone: None,
            told_count,
        }
    }

    /// It is open, though not found any more: it clears when that lasts.
    pub fn is_going(&self) -> bool {
        self.gone.is_some()
    }
}

/// Something to tell of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Raised(Alert),
    /// It got worse or better, or concerns more things.
    Changed(Alert),
    Cleared(Alert),
    /// It is open still and nobody has acknowledged it.
    Reminded(Alert),
}

impl Change {
    pub fn alert(&self) -> &Alert {
        match self {
            Self::Raised(alert)
            | Self::Changed(alert)
            | Self::Cleared(alert)
            | Self::Reminded(alert) => alert,
        }
    }
}
