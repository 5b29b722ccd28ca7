//! From severity to priority: who is woken by what.
//!
//! 10 and 9 are P1, 8 and 7 P2, 6 and 5 P3; 4 and 3 are told, 2 and 1 kept. A client, or all of
//! them, may have it otherwise for a code or for a severity; a code says more than a severity, and
//! a client's own rule more than one for all.

use std::collections::BTreeMap;

use model::Priority;

use crate::{AlertCode, Finding, Severity};

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
