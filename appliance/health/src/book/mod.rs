//! The alert book: what is open, since when, and who knows of it.
//!
//! Findings are a state, taken again and again; alerts are what people hear of. The book makes one
//! of the other: an alert is raised once for each code and subject, however often it is found;
//! told again while it is open and nobody has acknowledged it; and clears when it has not been
//! found for the hold time of its code. What comes and goes within that time is one alert with a
//! count.
//!
//! All spans are of running time, so a clock that is set neither clears an alert nor tells one a
//! thousand times. The book counts it itself from the moments it is given: a restart of the machine
//! begins a new count, and time switched off does not count.

mod alert;
mod rate;
mod saved;
mod update;

pub use alert::{Acknowledged, Alert, Change, Moment};
pub use saved::{SavedAlert, SavedBook};

use std::collections::BTreeMap;

use model::Span;

use crate::error::AcknowledgeError;
use crate::text::clean;
use crate::{AlertCode, Finding, Subject, Verdict};
use alert::Key;
use rate::Rates;

/// Bounds and times of a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookLimits {
    /// Most open alerts. Beyond it the less severe give way, and one more says how many there are.
    pub open: usize,
    /// After a restart nothing clears for so long: probes need their time.
    pub settle: Span,
    /// After so long an unacknowledged alert of severity 7 or more is told again.
    pub remind_urgent: Span,
    /// So too for severity 5 and 6. What is less severe is told once.
    pub remind: Span,
    /// Most times that alerts of one code are raised within a day before that is an alert.
    pub raised_a_day: u32,
}

impl Default for BookLimits {
    fn default() -> Self {
        Self {
            open: 256,
            settle: Span(5 * 60),
            remind_urgent: Span(4 * 3600),
            remind: Span(24 * 3600),
            raised_a_day: 20,
        }
    }
}

/// All open alerts.
#[derive(Debug, Clone)]
pub struct AlertBook {
    limits: BookLimits,
    open: BTreeMap<Key, Alert>,
    /// Running time that the book has seen, in seconds.
    now: u64,
    /// What the last moment said of it.
    last: Moment,
    /// Nothing clears before.
    settled: u64,
    rates: Rates,
}

impl AlertBook {
    /// A book without alerts.
    pub fn new(limits: BookLimits, now: Moment) -> Self {
        let (open, rates) = (BTreeMap::new(), Rates::default());
        Self { limits, open, now: 0, last: now, settled: 0, rates }
    }

    /// The open alerts, the worst first, of equals the oldest first.
    pub fn alerts(&self) -> Vec<&Alert> {
        let mut alerts: Vec<&Alert> = self.open.values().collect();
        alerts.sort_by_key(|alert| (std::cmp::Reverse(alert.finding.severity), alert.raised));
        alerts
    }

    pub fn get(&self, code: AlertCode, subject: &Subject) -> Option<&Alert> {
        self.open.get(&Key { code, subject: subject.clone() })
    }

    /// The verdict on what is open, which is steadier than that on what was found last.
    pub fn verdict(&self) -> Verdict {
        let findings: Vec<Finding> =
            self.alerts().into_iter().map(|alert| alert.finding.clone()).collect();
        Verdict::of(&findings)
    }

    /// Keeps that somebody knows of an alert: it is not told again unless it gets worse.
    ///
    /// # Errors
    /// There is no such alert, or no name.
    pub fn acknowledge(
        &mut self,
        code: AlertCode,
        subject: &Subject,
        by: &str,
        now: Moment,
    ) -> Result<&Alert, AcknowledgeError> {
        self.advance(now);
        let by = clean(by);
        if by.trim().is_empty() {
            return Err(AcknowledgeError::NoName);
        }
        let key = Key { code, subject: subject.clone() };
        let alert = self.open.get_mut(&key).ok_or(AcknowledgeError::NotOpen)?;
        alert.acknowledged = Some(Acknowledged { by, wall: now.wall });
        Ok(alert)
    }

    /// Counts running time on. A count that went back is that of another start.
    fn advance(&mut self, now: Moment) {
        let passed = now.running.0.saturating_sub(self.last.running.0);
        self.now = self.now.saturating_add(passed);
        self.last = now;
    }
}
