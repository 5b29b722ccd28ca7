//! What happened to an alert.

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use crate::word::words;

words! {
    /// What happened.
    EventKind {
        /// It is there, new or shown again after a restart.
        Raised = "raised",
        /// It got worse or better.
        Changed = "changed",
        /// Somebody has taken it on.
        Acknowledged = "acknowledged",
        /// It is over.
        Cleared = "cleared",
        /// It is still there and nobody has taken it on.
        Reminder = "reminder",
        /// Nothing: somebody wants to see that messages arrive.
        Test = "test",
    }
}

/// An alert, and what happened to it. All texts are for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub kind: EventKind,
    /// The alert's number; 0 for those that this crate raises itself.
    pub number: u64,
    /// Stable name of what is wrong, as in ALERTS.md.
    pub code: String,
    /// From 1 to 10, the worst.
    pub severity: u8,
    /// `p1` to `p3`, `notify` or `stored`.
    pub priority: String,
    /// Whose side the cause is on: `source`, `network`, `box`, `vault`.
    pub side: String,
    /// The client whom it concerns; empty for the appliance itself.
    pub client: String,
    /// What it is about.
    pub subject: String,
    pub cause: String,
    pub next_step: String,
    /// When it was raised, in seconds since 1970.
    pub since: u64,
    /// Who has taken it on; empty if nobody has.
    pub acknowledged_by: String,
    /// Name of the appliance.
    pub appliance: String,
    /// Address of the portal's page about it; empty if there is none.
    pub portal: String,
    /// Figures of the cause, by name.
    pub figures: Vec<(String, String)>,
    /// Whether it is kept when the client's contact was told.
    #[serde(default)]
    pub receipt: bool,
}

/// A change that touches the service is planned: to be told ahead, and no alert to a contact.
pub const PLANNED: &str = "maintenance-planned";

/// Somebody asks for a restore, and nobody has begun it in time: beside the alerts, and no alert.
pub const REQUESTED: &str = "restore-requested";
pub const LATE: &str = "restore-late";

/// What makes two events ones of the same problem: code and subject.
pub(crate) type Key = (String, String);

impl Event {
    pub(crate) fn key(&self) -> Key {
        (self.code.clone(), self.subject.clone())
    }

    /// The same for all messages about the same problem of the same appliance, whenever it comes:
    /// what a ticket goes by.
    pub fn dedupe_key(&self) -> String {
        hashed(&[&self.appliance, &self.code, &self.subject])
    }

    /// The same for all messages about one occurrence: what a mail reader goes by.
    pub(crate) fn thread(&self) -> String {
        hashed(&[&self.appliance, &self.code, &self.subject, &self.since.to_string()])
    }

    /// Whether it is an alert, and not what people asked for or announced.
    pub(crate) fn is_alert(&self) -> bool {
        ![PLANNED, REQUESTED, LATE].contains(&self.code.as_str())
    }

    /// The same alert with something else that happened to it.
    pub(crate) fn as_kind(&self, kind: EventKind) -> Self {
        Self { kind, ..self.clone() }
    }
}

/// 128 bits in hexadecimal digits; texts are told apart by their lengths.
fn hashed(parts: &[&str]) -> String {
    let mut hash = digest::Context::new(&digest::SHA256);
    for part in parts {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hex(hash.finish().as_ref().get(..16).unwrap_or_default())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
