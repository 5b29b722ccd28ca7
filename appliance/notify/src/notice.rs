//! What is told to a channel at once: what happened to one alert, a digest of many, or a report.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::event::{Event, EventKind, PLANNED};
use crate::word::words;

/// Most alerts that a digest names, the worst first, and what people asked for and announced where
/// there is room left; the rest is counted.
pub const MAX_NAMED: usize = 20;

words! {
    /// Why things are told together.
    Reason {
        /// They are not: it is one.
        Single = "single",
        /// They came outside of the hours of the route.
        Held = "held",
        /// More came within an hour than the channel takes.
        Flood = "flood",
    }
}

/// One message, before it is worded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub reason: Reason,
    /// Things that are told.
    pub count: u64,
    /// Severity of the worst.
    pub worst: u8,
    /// The worst of them, at least one and at most [`MAX_NAMED`].
    pub events: Vec<Event>,
}

impl Notice {
    pub fn one(event: Event) -> Self {
        Self { reason: Reason::Single, count: 1, worst: event.severity, events: vec![event] }
    }

    /// Several in one; None of none. A single one is told as itself.
    pub(crate) fn many(reason: Reason, notices: Vec<Self>) -> Option<Self> {
        let count: u64 = notices.iter().map(|notice| notice.count).sum();
        let worst = notices.iter().map(|notice| notice.worst).max()?;
        let mut events: Vec<Event> = notices.into_iter().flat_map(|notice| notice.events).collect();
        let count = count.saturating_sub(leave_out(&mut events));
        if events.is_empty() {
            return None;
        }
        let reason = if count == 1 { Reason::Single } else { reason };
        keep_worst(&mut events);
        Some(Self { reason, count, worst, events })
    }

    /// Adds what is told with this.
    pub(crate) fn add(&mut self, other: Self) {
        self.reason = Reason::Flood;
        self.count = self.count.saturating_add(other.count);
        self.worst = self.worst.max(other.worst);
        self.events.extend(other.events);
        self.count = self.count.saturating_sub(leave_out(&mut self.events));
        keep_worst(&mut self.events);
    }

    /// What happened, as a word; `digest` for many.
    pub fn word(&self) -> &'static str {
        match (self.reason, self.events.first()) {
            (Reason::Single, Some(event)) => event.kind.as_str(),
            _ => "digest",
        }
    }

    /// The alert of one that is told by itself.
    pub(crate) fn single(&self) -> Option<&Event> {
        self.events.first().filter(|_| self.reason == Reason::Single)
    }
}

/// A change that was announced and taken back meanwhile is not told at all. How many were left out.
fn leave_out(events: &mut Vec<Event>) -> u64 {
    let of = |kind| {
        let planned = events.iter().filter(move |event| event.code == PLANNED);
        planned.filter(move |event| event.kind == kind).map(Event::key).collect::<HashSet<_>>()
    };
    let gone = &of(EventKind::Raised) & &of(EventKind::Cleared);
    let before = events.len();
    events.retain(|event| !gone.contains(&event.key()));
    (before - events.len()) as u64
}

/// What is over comes after what is still there, and what people asked for after alerts: they may
/// ask for much. Else the worst first, and the order as it was.
fn keep_worst(events: &mut Vec<Event>) {
    events.sort_by_key(|event| {
        let is_over = event.kind == EventKind::Cleared;
        (is_over, !event.is_alert(), 10 - event.severity.min(10))
    });
    events.truncate(MAX_NAMED);
}

/// What goes to a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub channel: String,
    pub notice: Notice,
}

/// A report as it is mailed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportMail {
    pub subject: String,
    /// Name of the appliance.
    pub appliance: String,
    /// What stands in the mail for who reads no HTML.
    pub plain: String,
    pub html: String,
    /// Name and content of the tables that hang on it.
    pub attached: (String, String),
}

/// What waits for a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Content {
    Alerts(Notice),
    Report(ReportMail),
}
