//! The pool: open or not, its copies, its recovery kit.

use std::fmt::Display;

use crate::facts::{OpenPool, PoolFacts, Presence, Reading};
use crate::{AlertCode, Facts, Finding, Subject, Thresholds};

/// What cannot be judged while the pool is shut, or nothing is known of it.
const OF_POOL: &[AlertCode] = &[
    AlertCode::PoolNotOpenable,
    AlertCode::PoolLocked,
    AlertCode::KitUnproved,
    AlertCode::PoolDegraded,
    AlertCode::PoolResyncing,
    AlertCode::LogDamaged,
    AlertCode::StoreDamaged,
    AlertCode::IndexRebuilt,
    AlertCode::PointsLost,
    AlertCode::RecordsHealed,
    AlertCode::PoolFull,
    AlertCode::SpaceLow,
    AlertCode::PoolFilling,
];

/// What cannot be judged while nothing is known of its copies.
const OF_COPIES: &[AlertCode] = &[AlertCode::PoolDegraded, AlertCode::PoolResyncing];

/// A pool that nobody knows anything of is worse than an unknown temperature.
const UNKNOWN_POOL: u8 = 7;

pub(super) fn judge(facts: &Facts, _: &Thresholds, found: &mut Vec<Finding>) {
    match &facts.pool {
        None => {
            let unknown = Finding::unknown("the pool", Subject::part("pool"), OF_POOL);
            found.push(unknown.with_severity(UNKNOWN_POOL));
        }
        Some(PoolFacts::Locked) => found.push(shut(AlertCode::PoolLocked, &[])),
        Some(PoolFacts::NotOpenable { error }) => {
            found.push(shut(AlertCode::PoolNotOpenable, &[("error", error)]));
        }
        Some(PoolFacts::Open(pool)) => open(facts, pool, found),
    }
}

/// A pool that is shut tells nothing of what is in it, so nothing about that clears.
fn shut(code: AlertCode, facts: &[(&'static str, &dyn Display)]) -> Finding {
    Finding { hides: OF_POOL, ..Finding::new(code, Subject::pool(""), facts) }
}

fn open(facts: &Facts, pool: &OpenPool, found: &mut Vec<Finding>) {
    match pool.whole {
        Some(whole) => found.extend(copies(facts, pool, whole)),
        None => {
            let copies = Subject::part("copies");
            found.push(Finding::unknown("the copies in the pool", copies, OF_COPIES));
        }
    }
    if let Reading::Known(progress) = pool.resync {
        let facts: [(&str, &dyn Display); 2] = [("done", &progress.done), ("all", &progress.all)];
        found.push(Finding::new(AlertCode::PoolResyncing, Subject::pool(""), &facts));
    }
    match pool.kit_proved {
        Some(true) => {}
        Some(false) => found.push(Finding::new(AlertCode::KitUnproved, Subject::pool(""), &[])),
        None => {
            let kit = Subject::part("recovery kit");
            found.push(Finding::unknown("the recovery kit", kit, &[AlertCode::KitUnproved]));
        }
    }
}

/// Only when no disk explains it: its alert is the one to act on. A pool of which no disk is whole
/// is always told.
fn copies(facts: &Facts, pool: &OpenPool, whole: u16) -> Option<Finding> {
    let explains = |presence: &Presence| !matches!(presence, Presence::Whole | Presence::Foreign);
    let mut disks = facts.disks.iter().flatten();
    let explained = disks.any(|disk| disk.presence.as_ref().is_some_and(explains));
    let facts: [(&str, &dyn Display); 2] = [("whole", &whole), ("disks", &pool.disks)];
    (whole < pool.disks && (whole == 0 || !explained))
        .then(|| Finding::new(AlertCode::PoolDegraded, Subject::pool(""), &facts))
}
