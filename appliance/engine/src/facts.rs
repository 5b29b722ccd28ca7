//! Facts: what the engine knows of itself, its pool and its machine, for health to judge.
//!
//! What is not known is said to be so; nothing is guessed.

mod jobs;
mod machine;
mod pool;
mod systems;

use health::Facts;
use health::facts::{AlertingFacts, Reading};
use store::MemberStatus;

use crate::engine::Engine;

/// Everything that is known now.
pub(crate) fn gather(engine: &Engine, members: &[MemberStatus]) -> Facts {
    Facts {
        disks: Some(pool::disks(members)),
        pool: Some(pool::pool(engine, members)),
        machine: machine::machine(),
        // Nobody has said that there is one.
        ups: Reading::Absent,
        clock: Some(machine::clock(engine)),
        certificates: Some(Vec::new()),
        jobs: Some(jobs::jobs(engine)),
        systems: Some(systems::systems(engine)),
        maintenance: Some(jobs::maintenance(engine)),
        vaults: Reading::Absent,
        alerting: Some(AlertingFacts::default()),
    }
}
