//! Settings, events and clocks for tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

use crate::{Event, EventKind, Settings};

/// A Friday, 08:00 UTC.
pub(super) const FRIDAY: i64 = 1_795_161_600;

pub(super) const HOUR: i64 = 3600;

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub(super) fn event(code: &str, subject: &str, severity: u8) -> Event {
    Event {
        kind: EventKind::Raised,
        number: 7,
        code: code.into(),
        severity,
        priority: "p2".into(),
        side: "box".into(),
        client: "acme".into(),
        subject: subject.into(),
        cause: format!("Disk {subject} <failed>."),
        next_step: "Put in a new disk.".into(),
        since: FRIDAY.unsigned_abs(),
        acknowledged_by: String::new(),
        appliance: "box17".into(),
        portal: "https://portal.example/alerts/7".into(),
        figures: vec![("disk".into(), subject.into())],
        receipt: false,
    }
}

pub(super) fn settings(text: &str) -> Settings {
    let parsed = Settings::parse(&format!("format = 1\n{text}"), None);
    parsed.settings.unwrap_or_else(|| panic!("{:#?}", parsed.problems))
}

/// Channels that lead nowhere, by name, with the rest of the document.
pub(super) fn with_channels(names: &[&str], rest: &str) -> Settings {
    let channel = |name: &&str| {
        format!("[[channel]]\nname = \"{name}\"\nkind = \"syslog\"\nhost = \"127.0.0.1\"\n")
    };
    let channels: Vec<String> = names.iter().map(channel).collect();
    settings(&(channels.concat() + rest))
}

/// A clock that goes when it is told to.
#[derive(Clone)]
pub(super) struct Clock(Arc<AtomicI64>);

impl Clock {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(FRIDAY)))
    }

    pub(super) fn forward(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }

    pub(super) fn tells(&self) -> Arc<dyn Fn() -> Timestamp + Send + Sync> {
        let clock = self.0.clone();
        Arc::new(move || at(clock.load(Ordering::Relaxed)))
    }
}
