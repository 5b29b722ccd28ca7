//! Facts: what the engine knows of itself, its pool and its machine, for health to judge.
//!
//! What is not known is said to be so; nothing is guessed.

mod healed;
mod jobs;
mod life;
mod machine;
mod outside;
mod pool;
mod services;
mod smart;
mod systems;
mod ups;

use health::Facts;
use health::facts::{AlertingFacts, Reading};
use store::MemberStatus;

use crate::clock::moment;
use crate::engine::Engine;

pub(crate) use healed::HealedLately;
pub(crate) use life::Life;
pub(crate) use outside::{LastSmart, Outside};

/// Everything that is known now.
pub(crate) fn gather(engine: &Engine, members: &[MemberStatus], outside: Outside) -> Facts {
    if let Err(error) = engine.life.look(&engine.state, engine.pool.age(), moment()) {
        log::error!("{error}");
    }
    Facts {
        disks: Some(pool::disks(engine, members, &outside.smart)),
        pool: Some(pool::pool(engine, members)),
        machine: machine::machine(engine, outside.failed_services),
        ups: outside.ups,
        clock: Some(machine::clock(engine)),
        certificates: Some(Vec::new()),
        jobs: Some(jobs::jobs(engine)),
        systems: systems::systems(engine),
        maintenance: Some(jobs::maintenance(engine)),
        vaults: Reading::Absent,
        alerting: Some(AlertingFacts::default()),
    }
}
