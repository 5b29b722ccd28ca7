//! Power failures at every event of random and of all short histories.
//!
//! A state is one legal content of the disks after a power failure, opened and compared with the
//! model. Failures print the seed; `HOLDFAST_SEED` begins with it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use disk::sim::{SimMachine, SimRng};

use super::campaign::{campaign, each_seed, on_all_cores};
use super::disks::block_on;
use super::fixture::{first_seed, machine, scaled, seeds};
use super::history::{Op, Runner};

/// States that the test looks at.
const STATES: usize = 300_000;

/// How often power fails again while recovery writes.
const AGAIN: f64 = 0.3;
/// How often the store is worked with after recovery before power fails again.
const WORK_ON: f64 = 0.25;

#[test]
fn no_power_failure_loses_what_was_acknowledged() {
    campaign("R1", scaled(STATES), random_history);
}

/// One of each kind of operation, and of some two.
const ALPHABET: [Op; 15] = [
    Op::Append { writer: 0, number: 1 },
    Op::Append { writer: 1, number: 2 },
    Op::Commit { bytes: Some(40) },
    Op::Commit { bytes: None },
    Op::Settle,
    Op::SetKeys,
    Op::Close,
    Op::Kill,
    Op::Together { seed: 4 },
    Op::Reclaim { seed: 2 },
    Op::Release,
    Op::Burst,
    Op::Scrub,
    Op::Lose,
    Op::Return,
];

/// All sequences of at most so many operations, the empty one first.
fn short_histories(most: usize) -> Vec<Vec<Op>> {
    let mut histories: Vec<Vec<Op>> = vec![Vec::new()];
    let mut start = 0;
    for _ in 0..most {
        let end = histories.len();
        for at in start..end {
            for op in ALPHABET {
                let mut longer = histories[at].clone();
                longer.push(op);
                histories.push(longer);
            }
        }
        start = end;
    }
    histories
}

#[test]
fn no_power_failure_in_a_short_history_loses_anything() {
    let histories = short_histories(3);
    assert_eq!(histories.len(), 1 + 15 + 225 + 3375);
    let (begin, states) = (Instant::now(), AtomicUsize::new(0));
    let failures = on_all_cores("history", histories.iter().enumerate(), |(number, ops)| {
        let changes = ops.iter().any(|op| matches!(op, Op::Lose | Op::Return));
        let disks = if changes { 2 } else { 1 + number % 2 };
        let seed = first_seed() + *number as u64;
        let told = |error| format!("on {disks} disks, seed {seed}: {error}");
        history(&machine(disks, 16), ops, seed, &states).map_err(told)
    });
    let (states, seconds) = (states.into_inner(), begin.elapsed().as_secs_f64());
    println!("R1: {states} states of {} histories in {seconds:.0} s", histories.len());
    assert_eq!(failures, Vec::<String>::new());
}

/// Power failures while keys are replaced.
pub(super) fn keys_round(seed: u64, states: &AtomicUsize) -> Result<(), String> {
    block_on(async {
        let mut rng = SimRng::new(seed);
        let machine = machine(1, 12);
        let mut runner = Runner::create(&machine, seed << 16).await?;
        runner.run(&[Op::Commit { bytes: None }]).await?;
        for _ in 0..5 {
            let begun = machine.event_count();
            runner.run(&[Op::SetKeys]).await?;
            for at in begun..=machine.event_count() {
                for _ in 0..8 {
                    let machine = machine.crashed(at, &mut rng);
                    states.fetch_add(1, Ordering::Relaxed);
                    runner.model.check(&machine, at, seed).await?;
                }
            }
        }
        Ok(())
    })
}

#[test]
fn no_power_failure_loses_the_keys() {
    each_seed("R1", seeds(20), keys_round);
}

/// Power failures in a commit of several log records; then commits that may end where a record
/// lies that was never acknowledged.
pub(super) fn tail_round(seed: u64, states: &AtomicUsize) -> Result<(), String> {
    block_on(async {
        let mut rng = SimRng::new(seed);
        let machine = machine(1, 20);
        let mut runner = Runner::create(&machine, seed << 16).await?;
        runner.run(&[Op::Append { writer: 0, number: 7 }, Op::Commit { bytes: None }]).await?;
        let begun = machine.event_count();
        runner.run(&[Op::Burst]).await?;
        for at in begun..=machine.event_count() {
            let machine = machine.crashed(at, &mut rng);
            states.fetch_add(1, Ordering::Relaxed);
            let found = runner.model.check(&machine, at, rng.next_u64()).await?;
            let model = runner.model.after(at, &found);
            let mut second = Runner::resume(&machine, model, found, rng.next_u64());
            for _ in 0..4 {
                states.fetch_add(1, Ordering::Relaxed);
                let told = |error| format!("after {at} of {machine:?}: {error}");
                second.run(&[Op::Commit { bytes: Some(40) }, Op::Kill]).await.map_err(told)?;
            }
        }
        Ok(())
    })
}

#[test]
fn what_a_power_failure_left_of_a_commit_never_comes_back() {
    each_seed("R1", seeds(100), tail_round);
}

/// Runs a random history, then lets power fail at each of its events.
pub(super) fn random_history(seed: u64, states: &AtomicUsize) -> Result<(), String> {
    let mut rng = SimRng::new(seed);
    let disks = 1 + rng.below(2) as usize;
    let ops: Vec<Op> = (0..3 + rng.below(24)).map(|_| Op::random(&mut rng)).collect();
    history(&machine(disks, 20), &ops, seed, states)
}

fn history(
    machine: &SimMachine,
    ops: &[Op],
    seed: u64,
    states: &AtomicUsize,
) -> Result<(), String> {
    block_on(async {
        let mut rng = SimRng::new(seed ^ 0xc4a5);
        let mut runner = Runner::create(machine, seed << 16).await?;
        let created = machine.event_count();
        runner.run(ops).await?;
        for at in created..=machine.event_count() {
            let told = |error| format!("after {at} of {machine:?}: {error}");
            failure(&runner, at, &mut rng, states).await.map_err(told)?;
        }
        Ok(())
    })
}

/// Lets power fail after `at` events; sometimes again, while the store recovers or works on.
pub(super) async fn failure(
    runner: &Runner,
    at: usize,
    rng: &mut SimRng,
    states: &AtomicUsize,
) -> Result<(), String> {
    let machine = runner.machine.crashed(at, rng);
    states.fetch_add(1, Ordering::Relaxed);
    let found = runner.model.check(&machine, at, rng.next_u64()).await?;
    let works_on = rng.chance(WORK_ON);
    if !works_on && !rng.chance(AGAIN) {
        return Ok(());
    }
    let model = runner.model.after(at, &found);
    let mut second = Runner::resume(&machine, model, found, rng.next_u64());
    let more = if works_on { 1 + rng.below(4) } else { 0 };
    let ops: Vec<Op> = (0..more).map(|_| Op::random(rng)).collect();
    let started = second.store.inner.begin().await;
    started.map_err(|error| format!("recovering: {error}"))?;
    second.run(&ops).await.map_err(|error| format!("working on: {error}"))?;
    let again = rng.below(machine.event_count() as u64 + 1) as usize;
    let machine = machine.crashed(again, rng);
    states.fetch_add(1, Ordering::Relaxed);
    let told = |error| format!("then {ops:?}, after {again} events of that: {error}");
    second.model.check(&machine, again, rng.next_u64()).await.map_err(told)?;
    Ok(())
}
