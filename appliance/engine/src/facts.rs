//! Facts: what the engine knows of itself, its pool and its machine, for health to judge.
//!
//! What is not known is said to be so; nothing is guessed.

mod jobs;
mod life;
mod machine;
mod pool;
mod services;
mod systems;

use health::Facts;
use health::facts::{AlertingFacts, Reading};
use store::MemberStatus;

use crate::clock::moment;
use crate::engine::Engine;

pub(crate) use life::Life;
pub(crate) use services::failed as failed_services;

/// Everything that is known now.
pub(crate) fn gather(
    engine: &Engine,
    members: &[MemberStatus],
    failed_services: Option<Vec<String>>,
) -> Facts {
    if let Err(error) = engine.life.look(&engine.state, engine.pool.age(), moment()) {
        log::error!("{error}");
    }
    Facts {
        disks: Some(pool::disks(members)),
        pool: Some(pool::pool(engine, members)),
        machine: machine::machine(engine, failed_services),
        // Nobody has said that there is one.
        ups: Reading::Absent,
        clock: Some(machine::clock(engine)),
        certificates: Some(Vec::new()),
        jobs: Some(jobs::jobs(engine)),
        systems: systems::systems(engine),
        maintenance: Some(jobs::maintenance(engine)),
        vaults: Reading::Absent,
        alerting: Some(AlertingFacts::default()),
    }
}
