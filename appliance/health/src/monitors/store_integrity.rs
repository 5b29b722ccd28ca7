//! Contract monitor: the store is corrupted. What the box could heal is told quietly; what it
//! could not is told with the recovery points concerned.

use crate::facts::{Healed, Integrity, LostPoints, PoolFacts};
use crate::{AlertCode, Facts, Finding, Subject, Thresholds};

/// What cannot be judged while nothing is known of the store.
const OF_INTEGRITY: &[AlertCode] = &[
    AlertCode::LogDamaged,
    AlertCode::StoreDamaged,
    AlertCode::IndexRebuilt,
    AlertCode::PointsLost,
    AlertCode::RecordsHealed,
];

/// Most recovery points that are named in a sentence.
const MAX_NAMED: usize = 5;

pub(super) fn judge(facts: &Facts, limits: &Thresholds, found: &mut Vec<Finding>) {
    // That a pool is shut or unknown says the monitor of the pool.
    let Some(PoolFacts::Open(pool)) = &facts.pool else { return };
    let Some(integrity) = &pool.integrity else {
        let subject = Subject::part("integrity");
        return found.push(Finding::unknown("the integrity of the store", subject, OF_INTEGRITY));
    };
    let (lost, healed) = (integrity.lost.iter(), integrity.healed.iter());
    found.extend(log_damaged(integrity));
    found.extend(damaged(integrity));
    found.extend(lost.filter(|lost| !lost.points.is_empty()).map(points_lost));
    found.extend(index_rebuilt(integrity, limits));
    found.extend(healed.filter(|healed| healed.records > 0).map(|disk| records(disk, limits)));
}

fn log_damaged(integrity: &Integrity) -> Option<Finding> {
    let error = integrity.log_error.as_ref()?;
    Some(Finding::new(AlertCode::LogDamaged, Subject::pool(""), &[("error", error)]))
}

/// Damage that no recovery point is known to suffer from yet; else the points are the finding.
fn damaged(integrity: &Integrity) -> Option<Finding> {
    let named = integrity.lost.iter().any(|lost| !lost.points.is_empty());
    let records = Some(integrity.damaged).filter(|records| *records > 0 && !named)?;
    let facts: [(&str, &dyn std::fmt::Display); 1] = [("records", &records)];
    Some(Finding::new(AlertCode::StoreDamaged, Subject::pool(""), &facts).counting(records))
}

fn points_lost(lost: &LostPoints) -> Finding {
    let count = lost.points.len();
    let mut names: Vec<String> =
        lost.points.iter().take(MAX_NAMED).map(|point| point.to_string()).collect();
    if count > MAX_NAMED {
        names.push(format!("and {} more", count - MAX_NAMED));
    }
    let names = names.join(", ");
    let facts: [(&str, &dyn std::fmt::Display); 3] =
        [("system", &lost.system), ("points", &count), ("names", &names)];
    Finding::new(AlertCode::PointsLost, Subject::system(&lost.system), &facts)
        .of_client(lost.client.clone())
        .counting(count as u64)
}

fn index_rebuilt(integrity: &Integrity, limits: &Thresholds) -> Option<Finding> {
    let ago = integrity.index_rebuilt.filter(|ago| *ago <= limits.event)?;
    Some(Finding::new(AlertCode::IndexRebuilt, Subject::pool(""), &[("ago", &ago)]))
}

fn records(healed: &Healed, limits: &Thresholds) -> Finding {
    let facts: [(&str, &dyn std::fmt::Display); 3] =
        [("disk", &healed.disk), ("records", &healed.records), ("within", &limits.event)];
    Finding::new(AlertCode::RecordsHealed, Subject::disk(&healed.disk), &facts)
}
