//! What a plan is made of.

use std::collections::BTreeMap;

use model::{Policy, Priority, Span};

use crate::Window;

/// The whole protection plan of an appliance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    pub clients: Vec<Client>,
    pub systems: Vec<System>,
    pub maintenance: Maintenance,
    pub limits: Limits,
}

/// A client of the MSP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Of its tenant.
    pub name: String,
    /// IANA name of the time zone in which its windows and times are meant.
    pub zone: String,
    /// Priorities other than those of alerts' severities, by alert code.
    pub code_priority: BTreeMap<String, Priority>,
    /// So too by severity, 1 to 10.
    pub severity_priority: BTreeMap<u8, Priority>,
    pub retry: Retry,
}

/// How failed jobs are run again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// Most retries of a run.
    pub count: u16,
    /// Before the first retry; doubled before each further one.
    pub back_off: Span,
    /// Counted from the first failure; after it nothing is retried.
    pub window: Span,
    /// From so many failures in a row on a person is told.
    pub escalate_after: u16,
    /// No retry begins within these, in the client's zone.
    pub never_during: Vec<Window>,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            count: 3,
            back_off: Span(300),
            window: Span(4 * 3600),
            escalate_after: 2,
            never_during: Vec::new(),
        }
    }
}

impl Retry {
    /// How long to wait before the next retry, after so many failures in a row, of which the first
    /// is `first_failure` ago by running time. `None` when it is not retried any more. Whether it
    /// may begin then `never_during` says.
    pub fn wait(&self, failures: u16, first_failure: Span) -> Option<Span> {
        if failures == 0 || failures > self.count {
            return None;
        }
        let doubled = 1u64.checked_shl(u32::from(failures) - 1).unwrap_or(u64::MAX);
        let wait = self.back_off.0.saturating_mul(doubled);
        (first_failure.0.saturating_add(wait) <= self.window.0).then_some(Span(wait))
    }

    /// Whether a person is to know of so many failures in a row.
    pub fn escalates(&self, failures: u16) -> bool {
        failures >= self.escalate_after || failures > self.count
    }
}

/// A protected system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    pub name: String,
    /// Name of its [`Client`].
    pub client: String,
    pub source: Source,
    /// How much work may be lost: the most that its newest recovery point may be old.
    pub rpo: Span,
    /// In what time it is to run again.
    pub rto: Span,
    pub schedule: Schedule,
    /// A run begins only within one of these; none means always.
    pub windows: Vec<Window>,
    /// No run begins within these.
    pub blackouts: Vec<Window>,
    pub retention: Policy,
    /// At this age a recovery point is to have been verified; `None` leaves it to scrubs.
    pub verify: Option<Span>,
    /// Volumes or disks of the source that are left out.
    pub excluded: Vec<String>,
}

/// Where a system's bytes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A raw image or block device on the box.
    Image { path: String },
    /// An NBD server.
    Nbd { uri: String },
    /// A domain of libvirt; no disks means all of them.
    Libvirt { uri: String, domain: String, disks: Vec<String> },
    /// A QEMU by its QMP socket, and the agent in its guest by its own.
    Qmp { socket: String, guest_agent: Option<String>, disks: Vec<String> },
    /// The client writes to a disk that the box exports.
    Push,
    /// The agent on the system sends; no volumes means all of them.
    Agent { volumes: Vec<String> },
    /// A stream that somebody sends, as `pg_dump` or `tar` give it.
    Stream,
}

impl Source {
    /// Its name in a document.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Image { .. } => "image",
            Self::Nbd { .. } => "nbd",
            Self::Libvirt { .. } => "libvirt",
            Self::Qmp { .. } => "qmp",
            Self::Push => "push",
            Self::Agent { .. } => "agent",
            Self::Stream => "stream",
        }
    }
}

/// When runs are due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// So long after the last one began.
    Interval(Span),
    /// Each day at these minutes of the day in the client's zone, ascending.
    Times(Vec<u16>),
}

/// What keeps the store sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maintenance {
    /// IANA name of the time zone of its windows.
    pub zone: String,
    pub scrub: Task,
    pub reclaim: Task,
    pub expire: Task,
    pub verify: Task,
}

/// One task of maintenance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    pub interval: Span,
    /// It begins only within one of these; none means always.
    pub windows: Vec<Window>,
    /// Most of the time that it may keep the disks busy, in per cent.
    pub duty: u8,
}

impl Default for Maintenance {
    fn default() -> Self {
        let task = |days: u64, duty| Task { interval: Span(days * 86_400), windows: vec![], duty };
        Self {
            zone: "UTC".into(),
            scrub: task(30, 20),
            reclaim: task(1, 30),
            expire: task(1, 100),
            verify: task(1, 30),
        }
    }
}

impl Maintenance {
    /// Its tasks by their names in a document.
    pub fn tasks(&self) -> [(&'static str, &Task); 4] {
        let Self { scrub, reclaim, expire, verify, .. } = self;
        [("scrub", scrub), ("reclaim", reclaim), ("expire", expire), ("verify", verify)]
    }
}

/// How much the box does at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most ingests at once.
    pub ingests: u16,
    /// Most restores at once, exports not counted.
    pub restores: u16,
    /// Most memory that jobs take together, in bytes.
    pub memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { ingests: 4, restores: 4, memory: 2 << 30 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_back_off_until_their_count_or_their_window_ends() {
        let retry = Retry { count: 4, window: Span(3600), ..Retry::default() };
        let waits: Vec<Option<u64>> =
            (0..6).map(|failures| retry.wait(failures, Span(0)).map(|wait| wait.0)).collect();
        assert_eq!(waits, [None, Some(300), Some(600), Some(1200), Some(2400), None]);
        assert_eq!(retry.wait(4, Span(1201)), None);
        let endless = Retry { count: u16::MAX, window: Span(u64::MAX), ..Retry::default() };
        assert_eq!(endless.wait(u16::MAX, Span(0)), Some(Span(u64::MAX)));
    }

    #[test]
    fn a_person_is_told_in_time_and_never_later_than_the_last_retry() {
        let retry = Retry { count: 1, escalate_after: 9, ..Retry::default() };
        assert!(!retry.escalates(1) && retry.escalates(2));
        assert!(Retry::default().escalates(2));
    }
}
