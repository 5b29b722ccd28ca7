//! How the appliance is, in one word.

use std::fmt;

use serde::Serialize;

use crate::Finding;

/// How the appliance is, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// There is no finding at all.
    Healthy,
    /// Something is to be looked at in working hours: severity 6 at most.
    Attention,
    /// It does not do all that it should: severity 7 or 8.
    Degraded,
    /// Recovery points are lost or at stake: severity 9 or 10.
    Critical,
}

/// How the appliance is, and the worst reason for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    pub state: State,
    /// The first of the worst; none when it is healthy.
    pub worst: Option<Finding>,
}

impl Verdict {
    /// The verdict on all that was found.
    pub fn of(findings: &[Finding]) -> Self {
        // Of equals `max_by_key` takes the last: the first of the reversed.
        let worst = findings.iter().rev().max_by_key(|finding| finding.severity);
        let state = match worst.map(|finding| finding.severity.number()) {
            None => State::Healthy,
            Some(..=6) => State::Attention,
            Some(7..=8) => State::Degraded,
            Some(9..) => State::Critical,
        };
        Self { state, worst: worst.cloned() }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Healthy => "healthy",
            Self::Attention => "attention",
            Self::Degraded => "degraded",
            Self::Critical => "critical",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AlertCode, Subject};

    #[test]
    fn the_worst_finding_decides_and_of_equals_the_first() {
        let finding = |code, name| Finding::new(code, Subject::disk(name), &[]);
        let mut found = vec![];
        assert_eq!(Verdict::of(&found), Verdict { state: State::Healthy, worst: None });
        found.push(finding(AlertCode::DiskForeign, "a"));
        assert_eq!(Verdict::of(&found).state, State::Attention);
        found.push(finding(AlertCode::DiskMissing, "b"));
        found.push(finding(AlertCode::DiskFailed, "c"));
        let verdict = Verdict::of(&found);
        assert_eq!(verdict.state, State::Degraded);
        assert_eq!(verdict.worst.unwrap().subject, Subject::disk("b"));
        found.push(finding(AlertCode::PoolFull, "d"));
        assert_eq!(Verdict::of(&found).state, State::Critical);
    }
}
