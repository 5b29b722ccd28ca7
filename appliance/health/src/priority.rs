//! From severity to priority: who is woken by what.
//!
//! 10 and 9 are P1, 8 and 7 P2, 6 and 5 P3; 4 and 3 are told, 2 and 1 kept. A client, or all of
//! them, may have it otherwise for a code or for a severity; a code says more than a severity, and
//! a client's own rule more than one for all.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{AlertCode, Finding, Severity};

/// What an alert asks of people, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Priority {
    /// At once, by a call.
    P1,
    /// Today, by a call.
    P2,
    /// In working hours.
    P3,
    /// A message, no ticket.
    Notify,
    /// Nothing: it stands in the history.
    Stored,
}

impl Priority {
    pub const ALL: [Self; 5] = [Self::P1, Self::P2, Self::P3, Self::Notify, Self::Stored];

    /// Its text, as in `p1` or `notify`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::P1 => "p1",
            Self::P2 => "p2",
            Self::P3 => "p3",
            Self::Notify => "notify",
            Self::Stored => "stored",
        }
    }
}

impl From<Severity> for Priority {
    /// The map that holds where nothing else is said.
    fn from(severity: Severity) -> Self {
        match severity.number() {
            9.. => Self::P1,
            7.. => Self::P2,
            5.. => Self::P3,
            3.. => Self::Notify,
            _ => Self::Stored,
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a priority is one of p1, p2, p3, notify, stored")]
pub struct NoPriority;

impl FromStr for Priority {
    type Err = NoPriority;

    fn from_str(text: &str) -> Result<Self, NoPriority> {
        Self::ALL.into_iter().find(|priority| priority.as_str() == text).ok_or(NoPriority)
    }
}

/// What somebody wants otherwise than the map has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    pub codes: BTreeMap<AlertCode, Priority>,
    pub severities: BTreeMap<Severity, Priority>,
}

impl Overrides {
    fn of(&self, code: AlertCode, severity: Severity) -> Option<Priority> {
        self.codes.get(&code).or_else(|| self.severities.get(&severity)).copied()
    }
}

/// The map with everything that overrides it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Priorities {
    /// For all, also for what concerns no client.
    pub all: Overrides,
    /// For what concerns a client, by its name.
    pub clients: BTreeMap<String, Overrides>,
}

impl Priorities {
    /// What a finding asks of people.
    pub fn of(&self, finding: &Finding) -> Priority {
        let own = finding.client.as_ref().and_then(|client| self.clients.get(client));
        let own = own.and_then(|own| own.of(finding.code, finding.severity));
        let all = || self.all.of(finding.code, finding.severity);
        own.or_else(all).unwrap_or_else(|| finding.severity.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Subject;

    #[test]
    fn severities_have_the_priorities_of_the_contract() {
        let of = |number| Priority::from(Severity::clamped(number));
        let all: Vec<Priority> = (1..=10).rev().map(of).collect();
        let [p1, p2, p3, notify, stored] = Priority::ALL;
        assert_eq!(all, [p1, p1, p2, p2, p3, p3, notify, notify, stored, stored]);
    }

    #[test]
    fn a_clients_rule_beats_one_for_all_and_a_code_beats_a_severity() {
        let code = AlertCode::JobWarned;
        let finding = |client: Option<&str>| {
            let finding = Finding::new(code, Subject::job("ingest mail"), &[]);
            finding.of_client(client.map(str::to_owned))
        };
        let mut map = Priorities::default();
        assert_eq!(map.of(&finding(Some("acme"))), Priority::P2);
        map.all.severities.insert(code.severity(), Priority::P1);
        assert_eq!(map.of(&finding(None)), Priority::P1);
        map.all.codes.insert(code, Priority::P3);
        assert_eq!(map.of(&finding(Some("acme"))), Priority::P3);
        let acme = map.clients.entry("acme".into()).or_default();
        acme.severities.insert(code.severity(), Priority::Notify);
        assert_eq!(map.of(&finding(Some("acme"))), Priority::Notify);
        let acme = map.clients.entry("acme".into()).or_default();
        acme.codes.insert(code, Priority::Stored);
        assert_eq!(map.of(&finding(Some("acme"))), Priority::Stored);
        assert_eq!(map.of(&finding(Some("other"))), Priority::P3);
    }
}
