//! Monitors: each looks at one area of the facts and says what is wrong there.
//!
//! Six are those that a service contract asks for by name: the integrity of the store, run time,
//! missed runs, results of jobs, room, maintenance. The others stand beside them. One cause gives
//! one finding where a monitor can tell: a missing disk is not also a pool without a second copy.

use crate::{Facts, Finding, Thresholds};

// The six of the contract.
mod job_result;
mod maintenance;
mod missed;
mod run_time;
mod space;
mod store_integrity;

mod alerting;
mod certificates;
mod clock;
mod disks;
mod machine;
mod offsite;
mod points;
mod pool;
mod power;

pub(crate) use alerting::warnings;

/// A monitor adds what it finds.
type Monitor = fn(&Facts, &Thresholds, &mut Vec<Finding>);

const MONITORS: [Monitor; 15] = [
    store_integrity::judge,
    run_time::judge,
    missed::judge,
    job_result::judge,
    space::judge,
    maintenance::judge,
    pool::judge,
    disks::judge,
    machine::judge,
    power::judge,
    clock::judge,
    certificates::judge,
    points::judge,
    offsite::judge,
    alerting::judge,
];

/// Everything that is wrong, the worst first. A healthy appliance gives nothing; what is not known
/// is wrong too.
pub fn judge(facts: &Facts, thresholds: &Thresholds) -> Vec<Finding> {
    let mut found = Vec::new();
    for monitor in MONITORS {
        monitor(facts, thresholds, &mut found);
    }
    found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    found
}

/// `value` is at least `percent` per cent of `whole`.
fn reaches(value: u64, percent: u8, whole: u64) -> bool {
    u128::from(value) * 100 >= u128::from(percent) * u128::from(whole)
}
