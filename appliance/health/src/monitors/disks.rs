//! Disks: whether they are there, what they say of themselves, how fast and how hot they are.

use std::fmt::Display;

use crate::facts::{DiskFacts, Presence, Reading, Smart};
use crate::{AlertCode, Facts, Finding, Subject, Thresholds};

const OF_PRESENCE: &[AlertCode] = &[
    AlertCode::DiskMissing,
    AlertCode::DiskFailed,
    AlertCode::DiskReturned,
    AlertCode::DiskForeign,
    AlertCode::DiskSlow,
];

const OF_SMART: &[AlertCode] =
    &[AlertCode::DiskFailing, AlertCode::DiskSectors, AlertCode::DiskWorn, AlertCode::DiskHot];

pub(super) fn judge(facts: &Facts, limits: &Thresholds, found: &mut Vec<Finding>) {
    let Some(disks) = &facts.disks else {
        let (presence, smart) = (Subject::part("disks"), Subject::part("SMART"));
        found.push(Finding::unknown("the disks", presence, OF_PRESENCE));
        return found.push(Finding::unknown("SMART of the disks", smart, OF_SMART));
    };
    for disk in disks {
        found.extend(presence(disk));
        found.extend(slow(disk, limits));
        match &disk.smart {
            Reading::Known(smart) => found.extend(of_smart(disk, smart, limits)),
            Reading::Unknown if is_there(disk) => found.push(Finding::unknown(
                &format!("SMART of disk {}", disk.name),
                Subject::disk(&disk.name),
                OF_SMART,
            )),
            Reading::Unknown | Reading::Absent => {}
        }
    }
}

/// A disk that is gone or foreign is not asked for SMART.
fn is_there(disk: &DiskFacts) -> bool {
    let gone = [Some(&Presence::Missing), Some(&Presence::Foreign)];
    !gone.contains(&disk.presence.as_ref())
}

fn presence(disk: &DiskFacts) -> Option<Finding> {
    let Some(presence) = &disk.presence else {
        let what = format!("disk {}", disk.name);
        return Some(Finding::unknown(&what, Subject::disk(&disk.name), OF_PRESENCE));
    };
    match presence {
        Presence::Whole | Presence::Syncing => None,
        Presence::Missing => Some(report(disk, AlertCode::DiskMissing, &[])),
        Presence::Foreign => Some(report(disk, AlertCode::DiskForeign, &[])),
        Presence::Failed { error } => {
            Some(report(disk, AlertCode::DiskFailed, &[("error", error)]))
        }
        Presence::Stale { away } => {
            let away = away.map_or("an unknown time".into(), |away| away.to_string());
            Some(report(disk, AlertCode::DiskReturned, &[("away", &away)]))
        }
    }
}

fn slow(disk: &DiskFacts, limits: &Thresholds) -> Option<Finding> {
    let latency = disk.slow.filter(|slow| slow.latency_ms > limits.disk_latency_ms)?.latency_ms;
    let facts: [(&str, &dyn Display); 2] =
        [("latency", &latency), ("limit", &limits.disk_latency_ms)];
    Some(report(disk, AlertCode::DiskSlow, &facts))
}

fn of_smart(disk: &DiskFacts, smart: &Smart, limits: &Thresholds) -> Vec<Finding> {
    // A disk that says itself that it fails needs no second reason to be replaced.
    let worst = match smart.failing {
        true => Some(report(disk, AlertCode::DiskFailing, &[])),
        false => sectors(disk, smart, limits),
    };
    let others = [worn(disk, smart, limits), hot(disk, smart, limits)];
    worst.into_iter().chain(others.into_iter().flatten()).collect()
}

fn sectors(disk: &DiskFacts, smart: &Smart, limits: &Thresholds) -> Option<Finding> {
    let (pending, uncorrectable) = (smart.pending, smart.uncorrectable);
    let bad = smart.reallocated > limits.reallocated || pending > 0 || uncorrectable > 0;
    let facts: [(&str, &dyn Display); 3] = [
        ("reallocated", &smart.reallocated),
        ("pending", &pending),
        ("uncorrectable", &uncorrectable),
    ];
    bad.then(|| report(disk, AlertCode::DiskSectors, &facts))
}

fn worn(disk: &DiskFacts, smart: &Smart, limits: &Thresholds) -> Option<Finding> {
    let wear = smart.wear_percent.filter(|wear| *wear >= limits.wear_percent)?;
    Some(report(disk, AlertCode::DiskWorn, &[("wear", &wear)]))
}

fn hot(disk: &DiskFacts, smart: &Smart, limits: &Thresholds) -> Option<Finding> {
    let limit = smart.celsius_max.unwrap_or(limits.disk_celsius);
    let celsius = smart.celsius.filter(|celsius| *celsius > limit)?;
    let facts: [(&str, &dyn Display); 2] = [("celsius", &celsius), ("limit", &limit)];
    Some(report(disk, AlertCode::DiskHot, &facts))
}

fn report(disk: &DiskFacts, code: AlertCode, facts: &[(&'static str, &dyn Display)]) -> Finding {
    let place = disk.place.as_deref().unwrap_or("place unknown");
    let mut all: Vec<(&'static str, &dyn Display)> = vec![("disk", &disk.name), ("place", &place)];
    all.extend_from_slice(facts);
    Finding::new(code, Subject::disk(&disk.name), &all)
}
