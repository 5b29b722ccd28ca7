//! Planned changes, and whether clients were told in time.

use serde::{Deserialize, Serialize};

/// So many seconds before a change begins clients are told at the latest: 72 hours.
pub const NOTICE_AHEAD: u64 = 72 * 3600;

/// A change that touches the service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Notice {
    /// Never used twice on an appliance.
    pub id: u64,
    /// What is done. Every client that it concerns reads it.
    pub what: String,
    /// Why.
    pub reason: String,
    pub begin: u64,
    pub end: u64,
    /// It could not wait, and why; a reason has to be there for it to count.
    pub emergency: Option<String>,
    /// Clients that it concerns.
    pub clients: Vec<String>,
    /// Who was told, and when. The first time counts.
    pub told: Vec<Told>,
}

/// That a client was told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Told {
    pub client: String,
    pub at: u64,
}

/// How a notice stands to the rule for one client. All in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeVerdict {
    /// Told in time, so long before the change.
    InTime { ahead: u64 },
    /// There is so long yet to tell in time.
    Due { left: u64 },
    /// An emergency with a reason.
    Emergency,
    /// An emergency that nobody gave a reason for.
    NoReason,
    /// Told too late by so much.
    Short { by: u64 },
    /// Not told, and it is too late to do so in time.
    NotTold,
}

impl Notice {
    /// When a client was told first.
    pub fn told_at(&self, client: &str) -> Option<u64> {
        self.told.iter().filter(|told| told.client == client).map(|told| told.at).min()
    }

    /// How it stands to the rule for a client at `now`. Whom nobody told until then was not told.
    pub fn judge(&self, client: &str, now: u64) -> NoticeVerdict {
        let latest = self.begin.saturating_sub(NOTICE_AHEAD);
        let told = self.told_at(client).filter(|at| *at <= now);
        match (told, &self.emergency) {
            (Some(at), _) if at <= latest => {
                NoticeVerdict::InTime { ahead: self.begin.saturating_sub(at) }
            }
            (_, Some(reason)) if reason.trim().is_empty() => NoticeVerdict::NoReason,
            (_, Some(_)) => NoticeVerdict::Emergency,
            (Some(at), None) => NoticeVerdict::Short { by: at - latest },
            (None, None) if now <= latest => NoticeVerdict::Due { left: latest - now },
            (None, None) => NoticeVerdict::NotTold,
        }
    }
}
