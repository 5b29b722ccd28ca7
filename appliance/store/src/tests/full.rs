//! A pool that fills up, at every slot at which it may be full: what was acknowledged stays, what
//! is there can be read, room can be made, and then work goes on.

use std::sync::atomic::AtomicUsize;

use disk::sim::{SimMachine, SimRng};

use super::crash;
use super::disks::block_on;
use super::fixture::{SAMPLES, SMALL, machine, seeds};
use super::history::{Op, Runner};
use crate::StoreError;
use crate::members::lock;
use crate::segments::State;
use crate::space::tests::limit_takes;

/// Slots of the smallest disk that a pool can be made on, and of one that the workload never fills.
const SLOTS: std::ops::Range<u32> = 6..60;

/// Power failures in each run.
const FAILURES: u64 = 3;

/// Two writers, commits with small and large events (which make checkpoints), key changes, reclaims
/// that move, releases, restarts, and a disk of a mirror that leaves and comes back.
fn workload(seed: u64) -> Vec<Op> {
    let mut rng = SimRng::new(seed ^ 0xf011);
    let mut ops = Vec::new();
    for round in 0..6 {
        for step in 0..12 {
            let number = rng.below(SAMPLES.len() as u64) as usize;
            ops.push(Op::Append { writer: step % 2, number });
            if step % 4 == 3 {
                let bytes = [40, 400, 3900][rng.below(3) as usize];
                ops.push(Op::Commit { bytes: Some(bytes) });
            }
        }
        let seed = rng.next_u64();
        ops.extend(match round {
            0 => [Op::Together { seed }, Op::SetKeys, Op::Close],
            1 => [Op::Reclaim { seed }, Op::Release, Op::Burst],
            2 => [Op::Lose, Op::Commit { bytes: Some(3900) }, Op::Return],
            3 => [Op::Kill, Op::Reclaim { seed }, Op::Commit { bytes: Some(3900) }],
            4 => [Op::Settle, Op::Close, Op::Scrub],
            _ => [Op::Reclaim { seed }, Op::Release, Op::Close],
        });
    }
    ops
}

/// Everything that is there can be read, now and after power fails at some of the moments before.
async fn check(runner: &Runner, begun: usize, rng: &mut SimRng) -> Result<(), String> {
    let now = runner.machine.event_count();
    runner.model.compare(runner.store.clone(), &runner.events, now).await?;
    let states = AtomicUsize::new(0);
    let moments = (0..FAILURES).map(|_| begun + rng.below((now - begun) as u64 + 1) as usize);
    let moments: Vec<usize> = moments.chain([now]).collect();
    for at in moments {
        let told = |error| format!("power fails after {at} of {now}: {error}");
        crash::failure(runner, at, rng, &states).await.map_err(told)?;
    }
    Ok(())
}

/// Commits something that takes no slot, as a removal does.
async fn expect_commit(runner: &mut Runner) -> Result<(), String> {
    let before = runner.model.acknowledged();
    runner.run(&[Op::Commit { bytes: Some(400) }]).await?;
    match runner.model.acknowledged() - before {
        1 => Ok(()),
        _ => Err("a full pool cannot commit a removal".to_owned()),
    }
}

/// Removes everything and gives its room back.
async fn empty(runner: &mut Runner) -> Result<(), String> {
    // Segments that are being filled end.
    runner.run(&[Op::Close]).await?;
    runner.store.inner.begin().await.map_err(|error| format!("beginning: {error}"))?;
    runner.reclaim_all().await?;
    runner.run(&[Op::Release]).await?;
    let sealed = |segment: &crate::segments::Segment| matches!(segment.state, State::Sealed { .. });
    let left = lock(&runner.store.inner.segments).sorted().iter().filter(|s| sealed(s)).count();
    let retired = lock(&runner.store.inner.retired).len();
    match left + retired {
        0 => Ok(()),
        _ => Err(format!("{left} segments and {retired} retired ones stay")),
    }
}

/// New records find room.
async fn expect_room(runner: &mut Runner) -> Result<(), String> {
    for number in SMALL.take(2) {
        runner.run(&[Op::Append { writer: 0, number }]).await?;
        expect_commit(runner).await?;
        if !runner.model.numbers().contains(&number) {
            return Err(format!("record {number} finds no room in an empty pool"));
        }
    }
    Ok(())
}

/// The workload on disks of this size: then everything is removed, and it runs again. Gives
/// whether the pool was full at some time.
async fn fill_up(machine: &SimMachine, seed: u64) -> Result<bool, String> {
    let mut rng = SimRng::new(seed ^ 0xf0_11ed);
    let mut runner = Runner::create(machine, seed << 16).await?;
    let begun = machine.event_count();
    let (mut was_full, ops) = (false, workload(seed));
    for op in &ops {
        runner.run(&[*op]).await?;
        was_full |= runner.store.status().free_bytes == 0;
    }
    check(&runner, begun, &mut rng).await?;
    expect_commit(&mut runner).await?;
    empty(&mut runner).await?;
    expect_room(&mut runner).await?;
    runner.run(&ops).await?;
    check(&runner, begun, &mut rng).await?;
    Ok(was_full)
}

#[test]
fn a_pool_of_any_size_can_be_filled_and_emptied() {
    for seed in seeds(1) {
        for disks in [1, 2] {
            let mut full = 0;
            for slots in SLOTS {
                let outcome = block_on(fill_up(&machine(disks, slots), seed));
                let outcome = outcome.map_err(|e| format!("{slots} slots, {disks} disks: {e}"));
                full += u32::from(outcome.unwrap_or_else(|error| panic!("seed {seed}: {error}")));
            }
            println!("seed {seed}, {disks} disks: full in {full} of {} sizes", SLOTS.len());
            assert!((5..SLOTS.len() as u32).contains(&full), "{full}");
        }
    }
}

/// The workload with `most` slots to take, and then none, whoever asks: also a checkpoint, which
/// has a reserve that is never used up. Then there are slots again, and the workload goes on. Gives
/// how many were asked for.
async fn refuse(machine: &SimMachine, seed: u64, most: usize) -> Result<usize, String> {
    let mut rng = SimRng::new(seed ^ 0x4ef5);
    limit_takes(usize::MAX);
    let mut runner = Runner::create(machine, seed << 16).await?;
    let (begun, ops) = (machine.event_count(), workload(seed));
    limit_takes(most);
    for op in &ops {
        match runner.run(&[*op]).await {
            // Amid a commit of many records, for which a checkpoint would have made room.
            Err(error) if error.contains(&StoreError::Stopped.to_string()) => {
                runner.run(&[Op::Kill]).await?;
            }
            outcome => outcome.map_err(|error| format!("while full: {error}"))?,
        }
    }
    let asked = limit_takes(usize::MAX);
    check(&runner, begun, &mut rng).await?;
    expect_commit(&mut runner).await?;
    expect_room(&mut runner).await?;
    runner.run(&ops).await.map_err(|error| format!("again: {error}"))?;
    check(&runner, begun, &mut rng).await?;
    Ok(asked)
}

#[test]
fn a_slot_that_is_refused_at_any_moment_loses_nothing() {
    for seed in seeds(1) {
        for disks in [1, 2] {
            let (mut most, mut asked) = (0, usize::MAX);
            while most <= asked {
                let outcome = block_on(refuse(&machine(disks, 60), seed, most));
                let outcome = outcome.map_err(|e| format!("{most} slots, {disks} disks: {e}"));
                asked = outcome.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
                most += 1;
            }
            println!("seed {seed}, {disks} disks: each of {most} slots refused");
            assert!(most > 20);
        }
    }
}
