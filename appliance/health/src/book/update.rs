//! What a round of findings changes in the book.

use std::collections::BTreeMap;

use super::alert::{Alert, Change, Key, Moment};
use super::{AlertBook, rate::Rates};
use crate::monitors::warnings;
use crate::{AlertCode, Finding, Subject};

/// From this severity on an alert is urgent.
const URGENT: u8 = 7;
/// Below this severity an alert is told once only.
const REMINDED: u8 = 5;

impl AlertBook {
    /// Takes all that is found at this moment, and gives what there is to tell, in the order in
    /// which it should be told: what was raised, the worst first, then the rest.
    pub fn update(&mut self, findings: &[Finding], now: Moment) -> Vec<Change> {
        self.advance(now);
        self.rates.advance(self.now);
        let mut found = worst_of_each(findings);
        found.extend(too_often(&self.rates, self.limits.raised_a_day));
        let mut changes = Vec::new();
        let mut dropped = 0;
        for (key, finding) in by_severity(found.clone()) {
            match self.open.contains_key(&key) {
                true => changes.extend(self.seen_again(&key, finding, now)),
                false => dropped += self.raise(key, finding, now, &mut changes),
            }
        }
        if dropped > 0 {
            let overflow = overflow(dropped, self.limits.open);
            found.insert(Key::of(&overflow), overflow.clone());
            changes.extend(self.overflow(overflow, now));
        }
        changes.extend(self.clear(&found));
        changes.extend(self.remind());
        changes.sort_by_key(|change| !matches!(change, Change::Raised(_)));
        changes
    }

    /// Opens an alert; gives 1 if there is no room for it. A less severe one gives way.
    fn raise(&mut self, key: Key, finding: Finding, now: Moment, changes: &mut Vec<Change>) -> u64 {
        let mut dropped = 0;
        if self.counted() >= self.limits.open {
            dropped = 1;
            let least = self.open.iter().filter(|(key, _)| !is_own(key));
            let least = least.min_by_key(|(_, alert)| alert.finding.severity);
            let gives_way = least
                .filter(|(_, alert)| alert.finding.severity < finding.severity)
                .map(|(key, _)| key.clone());
            let Some(gives_way) = gives_way else { return dropped };
            changes.extend(self.open.remove(&gives_way).map(Change::Cleared));
        }
        self.rates.count(finding.code);
        let alert = Alert::new(finding, self.now, now.wall);
        changes.push(Change::Raised(alert.clone()));
        self.open.insert(key, alert);
        dropped
    }

    /// Alerts that count against the bound: all but the one that says it was reached.
    pub(super) fn counted(&self) -> usize {
        self.open.keys().filter(|key| !is_own(key)).count()
    }

    /// The alert that says that there are too many: it has a place of its own.
    fn overflow(&mut self, finding: Finding, now: Moment) -> Option<Change> {
        let key = Key::of(&finding);
        if self.open.contains_key(&key) {
            return self.seen_again(&key, finding, now);
        }
        let alert = Alert::new(finding, self.now, now.wall);
        self.open.insert(key, alert.clone());
        Some(Change::Raised(alert))
    }

    /// What is found again takes the place of what was found before. It is told when it is worse,
    /// better, on another side, or more; a cause with other figures alone is not.
    fn seen_again(&mut self, key: &Key, finding: Finding, at: Moment) -> Option<Change> {
        let alert = self.open.get_mut(key)?;
        alert.seen = at.wall;
        if alert.gone.take().is_some() {
            alert.returns = alert.returns.saturating_add(1);
            self.rates.count(key.code);
        }
        let before = std::mem::replace(&mut alert.finding, finding);
        let now = &alert.finding;
        let grew = now.count > alert.told_count;
        if now.severity > before.severity || grew {
            alert.acknowledged = None;
        }
        if now.severity == before.severity && now.side == before.side && !grew {
            return None;
        }
        alert.told_count = alert.told_count.max(now.count);
        alert.told = self.now;
        Some(Change::Changed(alert.clone()))
    }

    /// Clears what has not been found for its hold time, and may be believed to be gone.
    fn clear(&mut self, found: &BTreeMap<Key, Finding>) -> Vec<Change> {
        let (now, settled) = (self.now, self.now >= self.settled);
        let hidden =
            |key: &Key| found.values().any(|unknown| unknown.hides(key.code, &key.subject));
        let mut gone = Vec::new();
        for (key, alert) in &mut self.open {
            if found.contains_key(key) {
                continue;
            }
            if hidden(key) {
                alert.gone = None;
                continue;
            }
            let since = *alert.gone.get_or_insert(now);
            let hold = u64::from(key.code.hold_minutes()) * 60;
            if settled && now - since.min(now) >= hold {
                gone.push(key.clone());
            }
        }
        let cleared = gone.into_iter().filter_map(|key| self.open.remove(&key));
        cleared.map(Change::Cleared).collect()
    }

    fn remind(&mut self) -> Vec<Change> {
        let (now, limits) = (self.now, self.limits);
        let mut changes = Vec::new();
        for alert in self.open.values_mut() {
            let after = match alert.finding.severity.number() {
                URGENT.. => limits.remind_urgent,
                REMINDED.. => limits.remind,
                _ => continue,
            };
            let due = now.saturating_sub(alert.told) >= after.0;
            if due && alert.acknowledged.is_none() && !alert.is_going() {
                alert.told = now;
                changes.push(Change::Reminded(alert.clone()));
            }
        }
        changes
    }
}

/// One finding for each alert: of several the worst, of equals the first.
fn worst_of_each(findings: &[Finding]) -> BTreeMap<Key, Finding> {
    let mut worst: BTreeMap<Key, Finding> = BTreeMap::new();
    for finding in findings {
        match worst.get(&Key::of(finding)) {
            Some(other) if other.severity >= finding.severity => {}
            _ => {
                worst.insert(Key::of(finding), finding.clone());
            }
        }
    }
    worst
}

fn by_severity(found: BTreeMap<Key, Finding>) -> Vec<(Key, Finding)> {
    let mut found: Vec<(Key, Finding)> = found.into_iter().collect();
    found.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.severity));
    found
}

/// What is raised and cleared over and over. Alerts about alerts do not count, or they would feed
/// themselves.
fn too_often(rates: &Rates, limit: u32) -> Vec<(Key, Finding)> {
    let often = rates.above(limit).into_iter().filter(|(code, _)| !about_alerts(*code));
    let findings = often.map(|(code, count)| {
        let subject = Subject::warning(code.as_str());
        warnings(subject, code.as_str(), count, limit.into())
    });
    findings.map(|finding| (Key::of(&finding), finding)).collect()
}

fn about_alerts(code: AlertCode) -> bool {
    matches!(code, AlertCode::WarningsTooMany | AlertCode::AlertsOverflow)
}

fn overflow(dropped: u64, kept: usize) -> Finding {
    let facts: [(&str, &dyn std::fmt::Display); 2] = [("dropped", &dropped), ("kept", &kept)];
    Finding::new(AlertCode::AlertsOverflow, Subject::appliance(), &facts)
}

/// The alert that says that there are too many.
pub(super) fn is_own(key: &Key) -> bool {
    key.code == AlertCode::AlertsOverflow && key.subject == Subject::appliance()
}
