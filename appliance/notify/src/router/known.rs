//! What is known of one alert.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::event::{Event, EventKind};

/// An alert that is there, or of whose end somebody has not been told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    /// As it was shown last.
    pub(super) event: Event,
    /// Whether it is about a channel.
    pub(super) own: bool,
    pub(super) over: bool,
    /// When it became known, in seconds since 1970.
    pub(super) first: i64,
    /// What channels know of it, by name.
    pub(super) told: BTreeMap<String, Told>,
    /// Channels whose hours have to begin first.
    pub(super) held: BTreeSet<String>,
}

/// What a channel was told last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) at: i64,
    pub(super) severity: u8,
    pub(super) acknowledged: bool,
}

impl Known {
    pub(super) fn new(event: Event, own: bool, now: i64) -> Self {
        let (told, held) = (BTreeMap::new(), BTreeSet::new());
        Self { event, own, over: false, first: now, told, held }
    }

    /// Whether an event is about this alert. The number may be another: of an engine that has lost
    /// its book, or that has seen the alert end and come again while nobody listened.
    pub(super) fn is(&self, event: &Event) -> bool {
        self.event.key() == event.key()
    }

    pub(super) fn is_acknowledged(&self) -> bool {
        !self.event.acknowledged_by.is_empty()
    }

    /// Notes what an event says. Since when it is stays, so that all messages are one thread.
    pub(super) fn take(&mut self, event: Event) {
        self.over = event.kind == EventKind::Cleared;
        let since = self.event.since;
        self.event = Event { since, ..event };
    }

    /// Notes what a channel is told.
    pub(super) fn tell(&mut self, channel: &str, kind: EventKind, now: i64) {
        if kind == EventKind::Cleared {
            self.told.remove(channel);
            return;
        }
        let acknowledged = self.is_acknowledged();
        let told = Told { at: now, severity: self.event.severity, acknowledged };
        self.told.insert(channel.to_owned(), told);
    }

    /// A clock that went back must not make everything wait for it.
    pub(super) fn not_after(&mut self, now: i64) {
        self.first = self.first.min(now);
        for told in self.told.values_mut() {
            told.at = told.at.min(now);
        }
    }
}
