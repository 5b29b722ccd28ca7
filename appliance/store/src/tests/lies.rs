//! Disks that say that they wrote what they lost or put elsewhere, or that read what was there
//! before: as long as the other disk of a mirror is honest, nobody is told anything wrong; where
//! there is no other, what is lost is reported.

use std::sync::atomic::{AtomicUsize, Ordering};

use disk::sim::{SimFault, SimMachine, SimRng};
use model::BLOCK_U64;

use super::campaign::campaign;
use super::disks::block_on;
use super::fixture::{machine, scaled};
use super::history::{Op, Runner};
use crate::OpenOptions;

/// Faults that strike.
const FAULTS: usize = 20_000;

#[test]
fn a_lying_disk_of_a_mirror_never_makes_anything_wrong() {
    campaign("R4", scaled(FAULTS), round);
}

/// A random history on a mirror of which one disk lies now and then.
pub(super) fn round(seed: u64, faults: &AtomicUsize) -> Result<(), String> {
    let machine = machine(2, 20);
    let outcome = lying_history(&machine, seed);
    let struck = |disk| machine.counts(disk).faults as usize;
    faults.fetch_add(struck(0) + struck(1), Ordering::Relaxed);
    outcome
}

fn lying_history(machine: &SimMachine, seed: u64) -> Result<(), String> {
    block_on(async {
        let mut rng = SimRng::new(seed ^ 0x11e5);
        let mut runner = Runner::create(machine, seed << 16).await?;
        let liar = rng.below(2) as usize;
        let size = machine.disk(liar).size();
        for _ in 0..8 {
            let nth = rng.below(30);
            let to = rng.below(size / BLOCK_U64) * BLOCK_U64;
            machine.inject(
                liar,
                match rng.below(3) {
                    0 => SimFault::LoseWrite { nth },
                    1 => SimFault::MisdirectWrite { nth, to },
                    _ => SimFault::StaleRead { nth },
                },
            );
        }
        let ops: Vec<Op> = (0..10).map(|_| Op::random(&mut rng)).collect();
        let options = OpenOptions { allow_missing: true, ..OpenOptions::default() };
        for op in &ops {
            match runner.run(&[*op]).await {
                // A disk that lost its superblocks is found out when it is opened.
                Err(error) if error.contains("is stale") => {
                    let now = machine.event_count();
                    runner.model.check_disks(machine.disks(), options, now, seed).await?;
                    return Ok(());
                }
                outcome => outcome?,
            }
        }
        let now = machine.event_count();
        runner.model.check_disks(machine.disks(), options, now, seed).await?;
        Ok(())
    })
}

#[test]
fn what_a_lying_disk_alone_lost_is_reported() {
    let reported = AtomicUsize::new(0);
    campaign("R4", scaled(FAULTS), |seed, faults| alone_round(seed, faults, &reported));
    println!("{reported:?} of them reported");
    assert!(reported.into_inner() > scaled(FAULTS) / 100, "the faults hit nothing");
}

/// A random history on one disk that lies once. What it does is settled each time: of the last
/// commit before that, nothing tells a lost write from one that power failed before.
fn alone_round(seed: u64, faults: &AtomicUsize, reported: &AtomicUsize) -> Result<(), String> {
    block_on(async {
        let mut rng = SimRng::new(seed ^ 0xa10e);
        let machine = machine(1, 20);
        let mut runner = Runner::create(&machine, seed << 16).await?;
        let ops: Vec<Op> = (0..12).flat_map(|_| [Op::random(&mut rng), Op::Settle]).collect();
        let to = rng.below(machine.disk(0).size() / BLOCK_U64) * BLOCK_U64;
        let nth = rng.below(40);
        let fault = match rng.below(3) {
            0 => SimFault::LoseWrite { nth },
            1 => SimFault::MisdirectWrite { nth, to },
            _ => SimFault::StaleRead { nth },
        };
        machine.inject(0, fault);
        let mut outcome = runner.run(&ops).await;
        if outcome.is_ok() {
            let now = machine.event_count();
            outcome = runner.model.check(&machine, now, seed).await.map(drop);
        }
        faults.fetch_add(machine.counts(0).faults as usize, Ordering::Relaxed);
        match outcome {
            Err(error) if is_report(&error) => drop(reported.fetch_add(1, Ordering::Relaxed)),
            outcome => return outcome.map_err(|error| format!("{fault:?}: {error}")),
        }
        Ok(())
    })
}

/// Whether the store itself said that something is lost, rather than the model.
fn is_report(error: &str) -> bool {
    error.contains("damaged") || error.contains("is stale")
}
