//! A disk takes over from one that still works: for a while the pool has three. At every event of
//! that power may fail, and any of them may be lost, or come back as it was before: `takeover` and
//! `failing` play that, `phases` tells what must hold when, and `plain` goes through it step by
//! step.

mod again;
mod failing;
mod phases;
mod plain;
mod takeover;

use std::sync::atomic::{AtomicUsize, Ordering};

use disk::sim::SimRng;

use self::takeover::Takeover;
use super::disks::block_on;
use super::fixture::{first_seed, scaled};
use super::resync::disks;
use crate::{Admission, OpenOptions};

/// States that the test looks at: a content of the disks, and what is done with it.
const STATES: usize = 20_000;

const ALONE: OpenOptions = OpenOptions { allow_missing: true, read_only: false };
const RESCUE: OpenOptions = OpenOptions { allow_missing: true, read_only: true };

/// Who goes, and who takes over.
const OLD: usize = 1;
const NEW: usize = 2;
const RELIEVE: Admission = Admission::Relieve { member: OLD };

#[test]
fn no_power_failure_and_no_lost_or_stale_disk_harms_a_pool_of_three() {
    let states = AtomicUsize::new(0);
    let first = first_seed();
    for seed in first.. {
        assert_eq!(round(seed, &states), Ok(()), "seed {seed}");
        if states.load(Ordering::Relaxed) >= scaled(STATES) {
            println!("{} states of {} histories", states.into_inner(), seed - first + 1);
            return;
        }
    }
}

/// A mirror gets a third disk, goes on, and lets one of the first two go; then every moment of that
/// is looked at.
pub(super) fn round(seed: u64, states: &AtomicUsize) -> Result<(), String> {
    block_on(async {
        let mut rng = SimRng::new(seed ^ 0x2e11ef);
        let machine = disks(20 + rng.below(8) as u32);
        if seed % 4 == 3 {
            return failing::play(&machine, seed, &mut rng, states).await;
        }
        let Some(takeover) = Takeover::play(&machine, seed, &mut rng).await? else { return Ok(()) };
        for at in takeover.begun..=takeover.ended {
            let told = |error| format!("after {at} of {machine:?}, {:?}: {error}", takeover.phases);
            takeover.failure(at, &mut rng, states).await.map_err(told)?;
        }
        takeover.end().await.map_err(|error| format!("in the end: {error}"))
    })
}
