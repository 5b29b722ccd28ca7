//! Contract monitor: maintenance failed or is overdue. A scrub that never ends well is as bad as
//! one that never starts, so what counts is when it last ended well.

use std::fmt::Display;

use model::Span;

use crate::facts::{MaintenanceFacts, MaintenanceKind};
use crate::{AlertCode, Facts, Finding, Subject, Thresholds};

/// What cannot be judged while nothing is known of maintenance.
const OF_MAINTENANCE: &[AlertCode] = &[AlertCode::MaintenanceOverdue, AlertCode::MaintenanceFailed];

const KINDS: [MaintenanceKind; 5] = [
    MaintenanceKind::Scrub,
    MaintenanceKind::Reclaim,
    MaintenanceKind::Verify,
    MaintenanceKind::Expire,
    MaintenanceKind::Catalog,
];

pub(super) fn judge(facts: &Facts, limits: &Thresholds, found: &mut Vec<Finding>) {
    let Some(tasks) = &facts.maintenance else {
        let subject = Subject::part("maintenance");
        return found.push(Finding::unknown("maintenance", subject, OF_MAINTENANCE));
    };
    for kind in KINDS {
        match tasks.iter().find(|task| task.kind == kind) {
            Some(task) => found.extend(failed(task).or_else(|| overdue(task, limits))),
            None => {
                let subject = Subject::job(&kind.to_string());
                found.push(Finding::unknown(&format!("the {kind}"), subject, OF_MAINTENANCE));
            }
        }
    }
}

fn failed(task: &MaintenanceFacts) -> Option<Finding> {
    let error = task.error.as_ref()?;
    let facts: [(&str, &dyn Display); 2] = [("task", &task.kind), ("error", error)];
    Some(Finding::new(AlertCode::MaintenanceFailed, Subject::job(&task.kind.to_string()), &facts))
}

fn overdue(task: &MaintenanceFacts, limits: &Thresholds) -> Option<Finding> {
    let Span(every) = task.every;
    let grace = u128::from(every) * u128::from(limits.maintenance_grace_percent) / 100;
    if u128::from(task.last.0) <= u128::from(every) + grace {
        return None;
    }
    let ago = format!("{} ago", task.last);
    let facts: [(&str, &dyn Display); 3] =
        [("task", &task.kind), ("ago", &ago), ("every", &task.every)];
    Some(Finding::new(AlertCode::MaintenanceOverdue, Subject::job(&task.kind.to_string()), &facts))
}
