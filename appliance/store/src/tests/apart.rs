//! Mirrors whose disks go separate ways: one is lost, comes back stale, or both go on alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use disk::sim::{SimMachine, SimRng};

use super::campaign::campaign;
use super::disks::block_on;
use super::fixture::{append, create, event, machine, open, scaled, writer_keys};
use super::history::{Op, Runner};
use crate::{OpenOptions, StoreError};

/// Moments that the test looks at.
const MOMENTS: usize = 50_000;

const ALONE: OpenOptions = OpenOptions { allow_missing: true, read_only: false };

#[test]
fn a_disk_that_is_lost_or_comes_back_stale_harms_nothing() {
    campaign("R6", scaled(MOMENTS), round);
}

/// A random history on a mirror; at each of its events one disk goes.
pub(super) fn round(seed: u64, moments: &AtomicUsize) -> Result<(), String> {
    block_on(async {
        let mut rng = SimRng::new(seed ^ 0xa9a7);
        let machine = machine(2, 20);
        let mut runner = Runner::create(&machine, seed << 16).await?;
        let created = machine.event_count();
        let ops: Vec<Op> = (0..4 + rng.below(12)).map(|_| Op::random(&mut rng)).collect();
        runner.run(&ops).await?;
        let end = machine.event_count();
        for at in created..=end {
            moments.fetch_add(1, Ordering::Relaxed);
            let told = |error| format!("after {at} of {machine:?}: {error}");
            match rng.below(3) {
                0 => lost(&runner, at, &mut rng).await.map_err(told)?,
                1 => left_behind(&runner, at, &mut rng).await.map_err(told)?,
                _ => rolled_back(&runner, at, end, &mut rng).await.map_err(told)?,
            }
        }
        Ok(())
    })
}

/// One disk alone has everything that was acknowledged.
async fn lost(runner: &Runner, at: usize, rng: &mut SimRng) -> Result<(), String> {
    let machine = runner.machine.crashed(at, rng);
    let disk = machine.disk(rng.below(2) as usize);
    runner.model.check_disks(vec![disk], ALONE, at, 5).await?;
    Ok(())
}

/// One disk goes on alone; the other comes back and is not used.
async fn left_behind(runner: &Runner, at: usize, rng: &mut SimRng) -> Result<(), String> {
    let machine = runner.machine.crashed(at, rng);
    let left = rng.below(2) as usize;
    let disks = || vec![machine.disk(1 - left)];
    let found = runner.model.check_disks(disks(), ALONE, at, 5).await?;
    let model = runner.model.after(at, &found);
    let mut alone = Runner::resume_on(&machine, disks(), model, found, 6);
    let ops: Vec<Op> = (0..1 + rng.below(5)).map(|_| Op::random(rng)).collect();
    alone.run(&[Op::Commit { bytes: Some(20) }]).await?;
    alone.run(&ops).await.map_err(|error| format!("going on alone with {ops:?}: {error}"))?;
    let now = machine.event_count();
    let again = rng.below(now as u64 + 1) as usize;
    let crashed = vec![machine.crashed(again, rng).disk(1 - left)];
    let told = |error| format!("alone, and power fails after {again}: {error}");
    alone.model.check_disks(crashed, ALONE, again, 9).await.map_err(told)?;
    let (opened, events) = open(machine.disks(), OpenOptions::default(), 7)
        .await
        .map_err(|error| format!("both again: {error}"))?;
    if opened.stale != [machine.disk(left).name()] {
        return Err(format!("stale disks are {:?}, not {left}", opened.stale));
    }
    alone.model.compare(opened.store, &events, now).await?;
    let stale = open(vec![machine.disk(left)], OpenOptions::default(), 8).await;
    match stale {
        Err(StoreError::MissingDisk { .. }) => Ok(()),
        _ => Err("a stale disk opens without its mirror unasked".to_owned()),
    }
}

/// One disk comes back as it was at an earlier moment, which the other does not know. Either it is
/// refused, or, once something was written, it alone has everything.
async fn rolled_back(
    runner: &Runner,
    at: usize,
    now: usize,
    rng: &mut SimRng,
) -> Result<(), String> {
    let back = rng.below(2) as usize;
    runner.machine.rewind(back, at);
    let machine = runner.machine.restarted();
    runner.machine.rewind(back, now);
    let disks = || machine.disks();
    let found = match runner.model.check_disks(disks(), OpenOptions::default(), now, 5).await {
        Err(error) if error.contains("is stale") => {
            let found = runner.model.check_disks(disks(), ALONE, now, 5).await?;
            if found.store.inner.members.active().count() != 1 {
                return Err("a stale disk is used".to_owned());
            }
            return Ok(());
        }
        found => found?,
    };
    found.store.inner.begin().await.map_err(|error| format!("recovering: {error}"))?;
    let alone = vec![machine.disk(back)];
    let alone = runner.model.check_disks(alone, ALONE, now, 6).await;
    alone.map(|_| ()).map_err(|error| format!("the disk that was rolled back, alone: {error}"))
}

/// A mirror with one committed record.
async fn small_mirror() -> SimMachine {
    let machine = machine(2, 20);
    let (store, _) = create(machine.disks(), 1).await.unwrap();
    let mut writer = store.writer(writer_keys(1));
    append(&mut writer, 0).await.unwrap();
    store.commit(vec![event(1, 10)]).await.unwrap();
    machine
}

#[test]
fn disks_that_went_on_without_each_other_are_refused() {
    block_on(async {
        let machine = small_mirror().await;
        for disk in 0..2 {
            let disks = vec![machine.disk(disk)];
            let refused = open(disks.clone(), OpenOptions::default(), 2).await;
            assert!(matches!(refused, Err(StoreError::MissingDisk { .. })));
            let (opened, _) = open(disks, ALONE, 3 + disk as u64).await.unwrap();
            opened.store.commit(vec![event(2, 10)]).await.unwrap();
        }
        for options in [OpenOptions::default(), ALONE] {
            let both = open(machine.disks(), options, 5).await;
            assert!(matches!(both, Err(StoreError::SplitRun)));
        }
    });
}

#[test]
fn foreign_doubled_and_blank_disks_are_refused() {
    block_on(async {
        let (one, other) = (small_mirror().await, machine(1, 20));
        let name = StoreError::SameDisk { disk: "sim0".to_owned() }.to_string();
        let twice = open(vec![one.disk(0), one.disk(0)], OpenOptions::default(), 2).await;
        assert_eq!(twice.map(|_| ()).unwrap_err().to_string(), name);
        let blank = open(vec![one.disk(0), other.disk(0)], ALONE, 2).await;
        assert!(matches!(blank, Err(StoreError::NotAPool { .. })));
        let entropy = super::fixture::SeededEntropy::new(9);
        let journal = Arc::new(super::fixture::Events::default());
        let (layout, keys) = (super::fixture::LAYOUT, super::fixture::keys(1));
        let pool = model::PoolId([8; 16]);
        crate::Store::create(other.disks(), layout, &keys, pool, entropy, journal).await.unwrap();
        let foreign = open(vec![one.disk(0), other.disk(0)], ALONE, 2).await;
        assert!(matches!(foreign, Err(StoreError::ForeignDisk { .. })));
    });
}
