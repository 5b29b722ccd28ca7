//! The clock on the wall, and running time. Nothing is deleted by the wall and nothing is ordered
//! by it, but people, certificates and schedules go by it.

use std::fmt::Display;

use super::reaches;
use crate::facts::{ClockFacts, Reading};
use crate::{AlertCode, Facts, Finding, Subject, Thresholds};

const OF_CLOCK: &[AlertCode] = &[
    AlertCode::ClockImplausible,
    AlertCode::ClockJumped,
    AlertCode::ClockUnsynchronised,
    AlertCode::RunningBehind,
];

pub(super) fn judge(facts: &Facts, limits: &Thresholds, found: &mut Vec<Finding>) {
    let Some(clock) = &facts.clock else {
        return found.push(Finding::unknown("the clock", subject(), OF_CLOCK));
    };
    match implausible(clock) {
        Some(finding) => found.push(finding),
        None => found.extend(jumped(clock, limits)),
    }
    match clock.unconfirmed {
        Reading::Known(since) if since > limits.clock_unconfirmed => found.push(Finding::new(
            AlertCode::ClockUnsynchronised,
            subject(),
            &[("since", &since)],
        )),
        Reading::Unknown => found.push(Finding::unknown(
            "the synchronisation of the clock",
            Subject::part("time servers"),
            &[AlertCode::ClockUnsynchronised],
        )),
        Reading::Known(_) | Reading::Absent => {}
    }
    found.extend(behind(clock, limits));
}

fn subject() -> Subject {
    Subject::part("clock")
}

fn implausible(clock: &ClockFacts) -> Option<Finding> {
    let built = clock.built.date();
    let facts: [(&str, &dyn Display); 2] = [("wall", &clock.wall), ("built", &built)];
    (clock.wall < clock.built).then(|| Finding::new(AlertCode::ClockImplausible, subject(), &facts))
}

fn jumped(clock: &ClockFacts, limits: &Thresholds) -> Option<Finding> {
    let told = |by, ago| by > limits.clock_jump && ago <= limits.event;
    let jump = clock.jump.filter(|jump| told(jump.by, jump.ago))?;
    let direction = if jump.forward { "forward" } else { "back" };
    let facts: [(&str, &dyn Display); 3] =
        [("direction", &direction), ("jump", &jump.by), ("ago", &jump.ago)];
    Some(Finding::new(AlertCode::ClockJumped, subject(), &facts))
}

fn behind(clock: &ClockFacts, limits: &Thresholds) -> Option<Finding> {
    let Some(times) = clock.uptimes else {
        let part = Subject::part("running time");
        let hides = &[AlertCode::RunningBehind];
        return Some(Finding::unknown("running time", part, hides));
    };
    if reaches(times.ran.0, limits.running_percent, times.wall.0) {
        return None;
    }
    let facts: [(&str, &dyn Display); 2] = [("span", &times.wall), ("ran", &times.ran)];
    Some(Finding::new(AlertCode::RunningBehind, subject(), &facts))
}
