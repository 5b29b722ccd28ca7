//! Contract monitor: a protected system is failed or skipped. Of one system one finding: that it
//! is not seen explains that it has no new point, and a point that is too old is worse than a run
//! that is late.
//!
//! That the box itself is dead it cannot say: whoever gets its heartbeat does.

use std::fmt::Display;

use crate::facts::{Reading, SystemFacts};
use crate::{AlertCode, Facts, Finding, Subject, Thresholds};

/// What cannot be judged while nothing is known of the protected systems.
const OF_SYSTEMS: &[AlertCode] = &[
    AlertCode::ScheduleMissed,
    AlertCode::SystemUnseen,
    AlertCode::RpoBreached,
    AlertCode::NeverProtected,
    AlertCode::PointSuspect,
    AlertCode::ExpiryFrozen,
    AlertCode::PointsUnverified,
    AlertCode::PointsScattered,
];

/// Facts of a sentence.
type Figures<'a> = [(&'static str, &'a dyn Display)];

pub(super) fn judge(facts: &Facts, limits: &Thresholds, found: &mut Vec<Finding>) {
    let Some(systems) = &facts.systems else {
        let subject = Subject::part("systems");
        return found.push(Finding::unknown("the protected systems", subject, OF_SYSTEMS));
    };
    for system in systems {
        let worst = unseen(system, limits)
            .or_else(|| never(system))
            .or_else(|| rpo(system))
            .or_else(|| missed(system, limits));
        found.extend(worst);
        found.extend(unknown(system));
    }
}

fn unseen(system: &SystemFacts, limits: &Thresholds) -> Option<Finding> {
    let unseen = system.seen.known().filter(|seen| **seen > limits.unseen)?;
    let facts: &Figures<'_> = &[("system", &system.name), ("unseen", unseen)];
    Some(of(system, AlertCode::SystemUnseen, facts))
}

/// A new system has as long as its RPO for its first point.
fn never(system: &SystemFacts) -> Option<Finding> {
    let late = match (system.planned, system.rpo) {
        (Some(planned), Some(rpo)) => planned > rpo,
        _ => true,
    };
    let facts: &Figures<'_> = &[("system", &system.name)];
    (system.newest == Reading::Absent && late).then(|| of(system, AlertCode::NeverProtected, facts))
}

fn rpo(system: &SystemFacts) -> Option<Finding> {
    let (age, rpo) = (system.newest.known()?, system.rpo?);
    let facts: &Figures<'_> = &[("system", &system.name), ("age", age), ("rpo", &rpo)];
    (*age > rpo).then(|| of(system, AlertCode::RpoBreached, facts))
}

fn missed(system: &SystemFacts, limits: &Thresholds) -> Option<Finding> {
    let due = system.missed.known().filter(|due| due.ago > limits.start_grace)?;
    let facts: &Figures<'_> = &[("system", &system.name), ("ago", &due.ago), ("missed", &due.runs)];
    Some(of(system, AlertCode::ScheduleMissed, facts))
}

/// Names the first thing that is not known; it hides whatever could not be judged for it.
fn unknown(system: &SystemFacts) -> Option<Finding> {
    let what = match system {
        _ if system.newest.is_unknown() => "the newest recovery point",
        _ if system.missed.is_unknown() => "the schedule",
        _ if system.seen.is_unknown() => "the presence",
        _ if system.rpo.is_none() => "the RPO",
        _ if system.unverified.is_unknown() => "the verified recovery points",
        _ => return None,
    };
    let what = format!("{what} of {}", system.name);
    let finding = Finding::unknown(&what, Subject::system(&system.name), OF_SYSTEMS);
    Some(finding.of_client(system.client.clone()))
}

fn of(system: &SystemFacts, code: AlertCode, facts: &Figures<'_>) -> Finding {
    Finding::new(code, Subject::system(&system.name), facts).of_client(system.client.clone())
}
