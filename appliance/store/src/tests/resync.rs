//! Disks that come into a pool, get their copies, and leave it: at every event of that power may
//! fail, and any disk may be lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use disk::Disk;
use disk::sim::{SimMachine, SimRng};
use format::geometry::EDGE_BYTES;
use futures_util::future::join;

use super::campaign::campaign;
use super::disks::block_on;
use super::fixture::{
    LAYOUT, SAMPLES, append, create, expect_all, machine, open, scaled, writer_keys,
};
use super::history::{Op, Runner};
use super::model::{Found, Model};
use crate::{Admission, MemberState, OpenOptions, Pace, Store, StoreError};

/// States that the test looks at: a content of the disks, and what is done with it.
const STATES: usize = 50_000;

const ALONE: OpenOptions = OpenOptions { allow_missing: true, read_only: false };

#[test]
fn no_power_failure_and_no_lost_disk_harms_a_pool_whose_disks_change() {
    campaign("R6", scaled(STATES), round);
}

/// What happens to a mirror whose second disk was left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// An empty disk comes in its place.
    Replaced,
    /// It comes back.
    Returned,
    /// It is removed, and an empty disk is added.
    Added,
}

/// A mirror loses a disk, goes on, and gets one again; then every moment of that is looked at.
pub(super) fn round(seed: u64, states: &AtomicUsize) -> Result<(), String> {
    block_on(async {
        let mut rng = SimRng::new(seed ^ 0x5e57);
        let change = [Change::Replaced, Change::Returned, Change::Added][(seed % 3) as usize];
        let new = if change == Change::Returned { 1 } else { 2 };
        let machine = disks(20 + rng.below(8) as u32);
        let history = Changing::play(&machine, change, new, seed, &mut rng);
        let Some(changing) = history.await.map_err(|error| format!("{change:?}: {error}"))? else {
            return Ok(());
        };
        for at in changing.begun..=machine.event_count() {
            let told = |error| format!("{change:?}, after {at} of {machine:?}: {error}");
            changing.failure(at, &mut rng, states).await.map_err(told)?;
        }
        changing.end().await.map_err(|error| format!("{change:?}, in the end: {error}"))
    })
}

/// Two disks with room for 20 segments, and one with room for so many.
pub(super) fn disks(slots: u32) -> SimMachine {
    let size = |slots: u32| {
        let segments = u64::from(LAYOUT.segment_bytes) * u64::from(slots);
        2 * EDGE_BYTES + 2 * LAYOUT.log_bytes + segments
    };
    SimMachine::new(&[size(20), size(20), size(slots)])
}

/// A history in which a disk comes into the pool. Numbers are of events.
struct Changing {
    runner: Runner,
    /// The disk that comes.
    new: usize,
    begun: usize,
    admitted: usize,
}

impl Changing {
    /// `None` when the pool got too full for it.
    async fn play(
        machine: &SimMachine,
        change: Change,
        new: usize,
        seed: u64,
        rng: &mut SimRng,
    ) -> Result<Option<Self>, String> {
        let old = || machine.disk(0);
        let pair = vec![old(), machine.disk(1)];
        let mut runner = Runner::create_on(machine, pair, seed << 16).await?;
        runner.run(&some_ops(rng, 9)).await?;
        runner.reopen_on(vec![old()]).await?;
        runner.run(&[Op::Commit { bytes: Some(4) }]).await?;
        runner.run(&some_ops(rng, 5)).await?;

        let begun = machine.event_count();
        let how = match change {
            Change::Replaced => Admission::Replace { member: 1 },
            Change::Returned => Admission::Return,
            Change::Added => {
                runner.store.remove(1).await.map_err(|error| format!("removing: {error}"))?;
                Admission::Add
            }
        };
        match runner.store.admit(machine.disk(new), how, false).await {
            Ok(1) => {}
            Err(StoreError::Full | StoreError::TooSmall { .. }) => return Ok(None),
            other => return Err(format!("coming in: {other:?}")),
        }
        let admitted = machine.event_count();
        runner.set_disks(vec![old(), machine.disk(new)]);

        runner.run(&some_ops(rng, 2)).await?;
        let mut steps = rng.below(4);
        let partly = runner.store.resync(Pace::default(), |_| {
            steps = steps.saturating_sub(1);
            steps > 0
        });
        allow_full(partly.await.map(|_| ()))?;
        runner.run(&some_ops(rng, 3)).await?;
        // Beside others that write: their segments are theirs until they end them.
        let beside: Vec<Op> = some_ops(rng, 4).into_iter().filter(keeps_open).collect();
        runner.pace(true);
        let store = runner.store.clone();
        let (resynced, worked) =
            join(store.resync(Pace::default(), |_| true), runner.run(&beside)).await;
        runner.pace(false);
        worked?;
        let resynced = match resynced {
            Err(StoreError::Full) => return Ok(None),
            resynced => resynced.map_err(|error| format!("resync beside others: {error}"))?,
        };
        if !resynced.lost.is_empty() {
            return Err(format!("{resynced:?}"));
        }
        runner.run(&some_ops(rng, 2)).await?;
        if !to_the_end(&runner.store).await? {
            return Ok(None);
        }
        runner.run(&some_ops(rng, 2)).await?;
        Ok(Some(Self { runner, new, begun, admitted }))
    }

    /// Power fails after `at` events.
    async fn failure(
        &self,
        at: usize,
        rng: &mut SimRng,
        states: &AtomicUsize,
    ) -> Result<(), String> {
        let machine = self.runner.machine.crashed(at, rng);
        states.fetch_add(1, Ordering::Relaxed);
        match rng.below(4) {
            0 => self.check(vec![machine.disk(0)], ALONE, at).await.map(|_| ()),
            1 if at >= self.admitted => self.new_alone(&machine, at).await,
            _ => self.both(&machine, at, rng, states).await,
        }
    }

    async fn check(
        &self,
        disks: Vec<Arc<dyn Disk>>,
        options: OpenOptions,
        at: usize,
    ) -> Result<Found, String> {
        self.runner.model.check_disks(disks, options, at, 5).await
    }

    /// The disk that came has everything, or says that it has not.
    async fn new_alone(&self, machine: &SimMachine, at: usize) -> Result<(), String> {
        match self.check(vec![machine.disk(self.new)], ALONE, at).await {
            Err(error) if error.contains("still being filled") => Ok(()),
            other => other.map(|_| ()).map_err(|error| format!("the new disk alone: {error}")),
        }
    }

    /// Both disks go on, whatever the new one had by then.
    async fn both(
        &self,
        machine: &SimMachine,
        at: usize,
        rng: &mut SimRng,
        states: &AtomicUsize,
    ) -> Result<(), String> {
        let both = || vec![machine.disk(0), machine.disk(self.new)];
        let found = match self.check(both(), OpenOptions::default(), at).await {
            // It had nothing yet, and nobody counts on it.
            Err(error) if error.contains("is not a Holdfast disk") && at < self.admitted => {
                self.check(vec![machine.disk(0)], OpenOptions::default(), at).await?
            }
            found => found?,
        };
        if rng.chance(0.6) {
            return Ok(());
        }
        let model = self.runner.model.after(at, &found);
        let begun = machine.event_count();
        let store = found.store.clone();
        // What was seen on one disk is on the other once recovery has ended.
        store.inner.begin().await.map_err(|error| format!("recovering: {error}"))?;
        let recovered = machine.event_count();
        if !bring_in(&store, machine.disk(self.new)).await? || !to_the_end(&store).await? {
            return Ok(());
        }
        let mut second = Runner::resume_on(machine, both(), model, found, rng.next_u64());
        second.run(&[Op::Commit { bytes: Some(30) }]).await?;
        let end = machine.event_count();
        let again = begun + rng.below((end - begun) as u64 + 1) as usize;
        for at in [again, end] {
            let machine = machine.crashed(at, rng);
            let disks = vec![machine.disk(0), machine.disk(self.new)];
            states.fetch_add(1, Ordering::Relaxed);
            let one = rng.below(3) as usize;
            let told = |error| format!("then after {at} of {begun}..{end}, check {one}: {error}");
            let found = match one {
                0 if at >= recovered => {
                    second.model.check_disks(vec![disks[0].clone()], ALONE, at, 6).await
                }
                1 if at == end => {
                    second.model.check_disks(vec![disks[1].clone()], ALONE, at, 6).await
                }
                _ => match second.model.check_disks(disks, OpenOptions::default(), at, 6).await {
                    Err(error) if error.contains("is not a Holdfast disk") && at < end => {
                        let old = vec![machine.disk(0)];
                        second.model.check_disks(old, OpenOptions::default(), at, 6).await
                    }
                    found => found,
                },
            };
            found.map_err(told)?;
        }
        Ok(())
    }

    /// The mirror is as good as any: no copy is bad, and the new disk alone has everything.
    async fn end(self) -> Result<(), String> {
        let Self { mut runner, new, .. } = self;
        // What a writer still has in memory is on no disk.
        runner.run(&[Op::Close]).await?;
        let machine = runner.machine.clone();
        let now = machine.event_count();
        expect_sound(&runner.store).await?;
        let model: Model = runner.model.clone();
        drop(runner);
        let alone = model.check_disks(vec![machine.disk(new)], ALONE, now, 8).await;
        alone.map(|_| ()).map_err(|error| format!("the new disk alone: {error}"))
    }
}

/// Up to `most` operations, without those that take much and show little here.
pub(super) fn some_ops(rng: &mut SimRng, most: u64) -> Vec<Op> {
    let ops = (0..rng.below(most + 1)).map(|_| Op::random(rng));
    ops.filter(|op| *op != Op::Burst).collect()
}

pub(super) fn keeps_open(op: &Op) -> bool {
    !matches!(op, Op::Close | Op::Kill)
}

pub(super) fn allow_full(result: crate::Result<()>) -> Result<(), String> {
    match result {
        Ok(()) | Err(StoreError::Full) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// Resyncs until everything is on all disks; false when that does not fit.
pub(super) async fn to_the_end(store: &Store) -> Result<bool, String> {
    match store.resync(Pace::default(), |_| true).await {
        Ok(resynced) if resynced.complete && resynced.lost.is_empty() => Ok(true),
        Err(StoreError::Full) => Ok(false),
        other => Err(format!("resync: {other:?}")),
    }
}

/// Brings the second disk into the pool again, if its coming was cut short; false when it does not
/// fit or has to wait for the next opening.
async fn bring_in(store: &Store, disk: Arc<dyn Disk>) -> Result<bool, String> {
    let members = store.members().await;
    let second = members.iter().find(|member| member.number == 1);
    let hows = match second.map(|member| member.state) {
        Some(MemberState::Complete | MemberState::Syncing) => return Ok(true),
        Some(_) => vec![Admission::Return, Admission::Replace { member: 1 }],
        None => vec![Admission::Add],
    };
    let mut last = Ok(0);
    for how in hows {
        last = store.admit(disk.clone(), how, true).await;
        if last.is_ok() {
            break;
        }
    }
    match last {
        Ok(_) => Ok(true),
        Err(StoreError::Full | StoreError::TooSmall { .. } | StoreError::InService { .. }) => {
            Ok(false)
        }
        Err(error) => Err(format!("coming in again: {error}")),
    }
}

/// A scrub finds nothing bad.
pub(super) async fn expect_sound(store: &Store) -> Result<(), String> {
    let before = store.status().healed;
    for segment in store.segment_list() {
        let found = store.scrub_segment(segment, |_| true).await.map_err(|e| e.to_string())?;
        if !found.lost.is_empty() || found.damaged > 0 {
            return Err(format!("{segment}: {found:?}"));
        }
    }
    match store.status().healed - before {
        0 => Ok(()),
        healed => Err(format!("{healed} copies were bad")),
    }
}

/// One record is damaged on the only disk that has it; a second disk comes in. What is good is
/// copied, what is lost is named.
pub(super) fn copy_round(seed: u64, states: &AtomicUsize) -> Result<(), String> {
    block_on(async {
        let mut rng = SimRng::new(seed ^ 0xc0b1);
        states.fetch_add(1, Ordering::Relaxed);
        let machine = machine(2, 20);
        let (store, _) = create(vec![machine.disk(0)], seed).await.map_err(|e| e.to_string())?;
        let mut writer = store.writer(writer_keys(1));
        let numbers: Vec<usize> = (0..8).map(|_| rng.below(256) as usize).collect();
        for number in &numbers {
            append(&mut writer, *number).await.map_err(|e| e.to_string())?;
        }
        store.clone().close().await.map_err(|e| e.to_string())?;
        let (opened, _) = open(vec![machine.disk(0)], OpenOptions::default(), seed + 1)
            .await
            .map_err(|e| e.to_string())?;
        let store = opened.store;
        let bad = numbers[rng.below(8) as usize];
        let digest = SAMPLES[bad].digest;
        let (place, entry) = store.inner.find(&digest).await.unwrap().unwrap();
        let segment = store.inner.segment(place).unwrap();
        let (member, slot) = store.inner.holder(&segment, 0).unwrap();
        let at = entry.offset + rng.below(u64::from(entry.length)) as u32;
        machine.flip_bit(0, member.segment_offset(slot, at), rng.below(8) as u32);
        store.admit(machine.disk(1), Admission::Add, false).await.map_err(|e| e.to_string())?;
        let resynced = store.resync(Pace::default(), |_| true).await.map_err(|e| e.to_string())?;
        if !resynced.complete || resynced.lost != [digest] {
            return Err(format!("record {bad} is damaged, and resync says {resynced:?}"));
        }
        drop((writer, store));
        let (opened, _) =
            open(vec![machine.disk(1)], ALONE, seed + 2).await.map_err(|e| e.to_string())?;
        let good = numbers.iter().copied().filter(|number| *number != bad);
        expect_all(&opened.store, good).await;
        Ok(())
    })
}

#[test]
fn what_no_disk_has_is_named_and_the_rest_is_copied() {
    let states = AtomicUsize::new(0);
    for seed in 0..40 {
        assert_eq!(copy_round(seed, &states), Ok(()), "seed {seed}");
    }
}
