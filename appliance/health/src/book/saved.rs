//! The book as it is kept over a restart.
//!
//! Codes are kept as their texts: an older version that takes a newer one's book leaves out what
//! it does not know, and the next round of findings finds what still holds.

use std::collections::BTreeMap;

use model::WallTime;
use serde::{Deserialize, Serialize};

use super::alert::{Acknowledged, Alert, Key, Moment};
use super::rate::Rates;
use super::update::is_own;
use super::{AlertBook, BookLimits};
use crate::{AlertCode, Finding, Severity, Side, Subject};

/// An [`AlertBook`] to be kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedBook {
    /// Running time that the book has seen, in seconds.
    pub now: u64,
    pub alerts: Vec<SavedAlert>,
    /// Raised alerts of each code by the hour, in a ring of 24.
    pub raised: BTreeMap<String, Vec<u32>>,
}

/// An [`Alert`] to be kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedAlert {
    pub code: String,
    pub subject: Subject,
    pub severity: Severity,
    pub side: Side,
    pub client: Option<String>,
    pub cause: String,
    pub next: String,
    pub count: u64,
    /// Seconds since 1970.
    pub raised: u64,
    /// Likewise; 0 in what an older version has kept.
    #[serde(default)]
    pub seen: u64,
    pub returns: u32,
    pub acknowledged: Option<Acknowledged>,
    pub told: u64,
    pub gone: Option<u64>,
    pub told_count: u64,
}

/// Wall times as seconds since 1970.
pub(super) mod seconds {
    use model::WallTime;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(time: &WallTime, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(time.0)
    }

    pub(crate) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<WallTime, D::Error> {
        u64::deserialize(from).map(WallTime)
    }
}

impl AlertBook {
    pub fn save(&self) -> SavedBook {
        let raised = self.rates.counts.iter();
        SavedBook {
            now: self.now,
            alerts: self.open.values().map(SavedAlert::of).collect(),
            raised: raised.map(|(code, counts)| (code.to_string(), counts.to_vec())).collect(),
        }
    }

    /// The book as it was saved; nothing in it is raised again, and nothing clears before probes
    /// had their time ([`BookLimits::settle`]). Codes that this version does not know are left
    /// out, as is what exceeds the bound.
    pub fn load(saved: SavedBook, limits: BookLimits, now: Moment) -> Self {
        let mut book = Self::new(limits, now);
        book.now = saved.now;
        book.settled = saved.now.saturating_add(limits.settle.0);
        book.rates = rates(saved.raised, saved.now);
        let mut alerts = saved.alerts;
        alerts.sort_by_key(|alert| std::cmp::Reverse(alert.severity));
        for alert in alerts.into_iter().filter_map(SavedAlert::alert) {
            let key = Key::of(&alert.finding);
            if is_own(&key) || book.counted() < limits.open {
                book.open.insert(key, alert);
            }
        }
        book
    }
}

fn rates(raised: BTreeMap<String, Vec<u32>>, now: u64) -> Rates {
    let counts = raised.into_iter().filter_map(|(code, counts)| {
        let code: AlertCode = code.parse().ok()?;
        Some((code, counts.try_into().ok()?))
    });
    Rates { counts: counts.collect(), hour: now / 3600 }
}

impl SavedAlert {
    fn of(alert: &Alert) -> Self {
        let finding = alert.finding.clone();
        Self {
            code: finding.code.to_string(),
            subject: finding.subject,
            severity: finding.severity,
            side: finding.side,
            client: finding.client,
            cause: finding.cause,
            next: finding.next,
            count: finding.count,
            raised: alert.raised.0,
            seen: alert.seen.0,
            returns: alert.returns,
            acknowledged: alert.acknowledged.clone(),
            told: alert.told,
            gone: alert.gone,
            told_count: alert.told_count,
        }
    }

    fn alert(self) -> Option<Alert> {
        let finding = Finding::new(self.code.parse().ok()?, self.subject, &[]);
        let finding = Finding {
            severity: self.severity,
            side: self.side,
            client: self.client,
            cause: self.cause,
            next: self.next,
            count: self.count,
            ..finding
        };
        Some(Alert {
            finding,
            raised: WallTime(self.raised),
            seen: WallTime(self.seen.max(self.raised)),
            returns: self.returns,
            acknowledged: self.acknowledged,
            told: self.told,
            gone: self.gone,
            told_count: self.told_count,
        })
    }
}
