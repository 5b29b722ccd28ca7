//! One of three disks fails for good while they are all in service.

use std::sync::atomic::{AtomicUsize, Ordering};

use disk::sim::{SimFault, SimMachine, SimRng};

use super::phases::{Fate, Phases};
use super::{NEW, OLD, RELIEVE};
use crate::StoreError;
use crate::tests::history::{Op, Runner};
use crate::tests::resync::{keeps_open, some_ops};

/// One of three disks fails: the two others go on together, whenever power fails.
pub(super) async fn play(
    machine: &SimMachine,
    seed: u64,
    rng: &mut SimRng,
    states: &AtomicUsize,
) -> Result<(), String> {
    let pair = vec![machine.disk(0), machine.disk(OLD)];
    let mut runner = Runner::create_on(machine, pair, seed << 16).await?;
    runner.run(&some_ops(rng, 6)).await?;
    match runner.store.admit(machine.disk(NEW), RELIEVE, false).await {
        Ok(NEW) => {}
        Err(StoreError::Full | StoreError::TooSmall { .. }) => return Ok(()),
        other => return Err(format!("coming in: {other:?}")),
    }
    let admitted = machine.event_count();
    runner.set_disks(machine.disks());
    runner.run(&[Op::Commit { bytes: Some(40) }, Op::Commit { bytes: Some(4) }]).await?;
    let which = rng.below(3) as usize;
    let nth = rng.below(6);
    let begun = machine.event_count();
    machine.inject(which, SimFault::FailWrite { nth, lasting: true });
    let ops: Vec<Op> = some_ops(rng, 8).into_iter().filter(keeps_open).collect();
    runner.run(&ops).await?;
    runner.run(&[Op::Commit { bytes: Some(40) }, Op::Commit { bytes: None }]).await?;
    let phases = Phases { admitted, complete: usize::MAX, leaving: usize::MAX, left: usize::MAX };
    for at in begun..=machine.event_count() {
        let crashed = machine.crashed(at, rng);
        let fate = if rng.chance(0.3) { Fate::Lost(which) } else { Fate::Stale(which) };
        states.fetch_add(1, Ordering::Relaxed);
        let told = |error| format!("disk {which} failed, {begun}, after {at}: {error}");
        phases.survive(&runner.model, &crashed, at, fate).await.map_err(told)?;
    }
    Ok(())
}
