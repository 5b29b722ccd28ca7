//! Recovery points: signs of an attack, what waits for a verify, how well they can be read.

use std::fmt::Display;

use crate::facts::{Suspect, SystemFacts};
use crate::{AlertCode, Facts, Finding, Subject, Thresholds};

/// Most suspect recovery points of a system that are told of: all of them say the same.
const MAX_SUSPECTS: usize = 4;

pub(super) fn judge(facts: &Facts, limits: &Thresholds, found: &mut Vec<Finding>) {
    // That nothing is known of them says the monitor of missed runs.
    for system in facts.systems.iter().flatten() {
        let newest = system.suspects.iter().rev().take(MAX_SUSPECTS);
        found.extend(newest.map(|suspect| attacked(system, suspect)));
        if system.frozen {
            found.push(of(system, AlertCode::ExpiryFrozen, &[]));
        }
        found.extend(unverified(system));
        found.extend(scattered(system, limits));
    }
}

fn attacked(system: &SystemFacts, suspect: &Suspect) -> Finding {
    let point = suspect.point.to_string();
    let facts: [(&str, &dyn Display); 3] =
        [("system", &system.name), ("point", &point), ("signals", &suspect.signals)];
    Finding::new(AlertCode::PointSuspect, Subject::point(&point), &facts)
        .of_client(system.client.clone())
}

fn unverified(system: &SystemFacts) -> Option<Finding> {
    let points = system.unverified.known()?;
    if points.points == 0 || points.oldest <= points.within {
        return None;
    }
    let facts: [(&str, &dyn Display); 3] =
        [("points", &points.points), ("oldest", &points.oldest), ("within", &points.within)];
    Some(of(system, AlertCode::PointsUnverified, &facts))
}

fn scattered(system: &SystemFacts, limits: &Thresholds) -> Option<Finding> {
    let amplification = system.amplification.filter(|times| *times > limits.amplification)?;
    let amplification = format!("{amplification:.2}");
    Some(of(system, AlertCode::PointsScattered, &[("amplification", &amplification)]))
}

fn of(system: &SystemFacts, code: AlertCode, facts: &[(&'static str, &dyn Display)]) -> Finding {
    let mut all: Vec<(&'static str, &dyn Display)> = vec![("system", &system.name)];
    all.extend_from_slice(facts);
    Finding::new(code, Subject::system(&system.name), &all).of_client(system.client.clone())
}
