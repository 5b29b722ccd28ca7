//! A disk that is there alone: whoever asks the witness never goes on from what is old, and what a
//! disk that is being filled may have is not forgotten.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use disk::sim::{SimFault, SimMachine, SimRng};
use model::DiskId;

use super::disks::block_on;
use super::fixture::{
    SAMPLES, append, create, event, expect_all, geometry, machine, open, seeds, writer_keys,
};
use crate::{Admission, OpenOptions, Pace, Store, StoreError, Witness};

const ALONE: OpenOptions = OpenOptions { allow_missing: true, read_only: false };

/// Notes what it is told, and after how many events of the disks.
struct Notes {
    machine: SimMachine,
    told: Mutex<Vec<(usize, Vec<DiskId>)>>,
    takes: AtomicBool,
}

impl Notes {
    fn of(machine: &SimMachine) -> Arc<Self> {
        let (told, takes) = (Mutex::default(), AtomicBool::new(true));
        Arc::new(Self { machine: machine.clone(), told, takes })
    }

    /// Which disks had everything, as it knew at this event.
    fn complete(&self, at: usize) -> Vec<DiskId> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let known = told.iter().rev().find(|(event, _)| *event <= at);
        known.map(|(_, complete)| complete.clone()).unwrap_or_default()
    }
}

impl Witness for Notes {
    fn keep(&self, complete: &[DiskId]) -> bool {
        let takes = self.takes.load(Ordering::Relaxed);
        if takes {
            let row = (self.machine.event_count(), complete.to_vec());
            self.told.lock().unwrap_or_else(PoisonError::into_inner).push(row);
        }
        takes
    }
}

async fn ids(store: &Store) -> Vec<DiskId> {
    store.members().await.iter().map(|member| member.disk_id).collect()
}

/// One disk of two fails somewhere in a history of commits; power fails later. Each disk that the
/// witness calls complete has all that was acknowledged by then.
pub(super) fn round(seed: u64, states: &AtomicUsize) -> Result<(), String> {
    block_on(async {
        let mut rng = SimRng::new(seed ^ 0xa10e);
        let machine = machine(2, 20);
        let (store, _) = create(machine.disks(), seed << 16).await.map_err(text)?;
        let notes = Notes::of(&machine);
        store.witnessed_by(notes.clone()).await.map_err(text)?;
        let ids = ids(&store).await;
        let fault = match rng.below(3) {
            0 => SimFault::FailWrite { nth: rng.below(40), lasting: rng.chance(0.5) },
            1 => SimFault::FailFlush { nth: rng.below(12) },
            _ => SimFault::GoneFrom { event: machine.event_count() + rng.below(60) as usize },
        };
        machine.inject(rng.below(2) as usize, fault);
        let mut acknowledged = Vec::new();
        let mut writer = store.writer(writer_keys(1));
        for number in 0..6 + rng.below(6) as usize {
            append(&mut writer, number).await.map_err(text)?;
            store.commit(vec![event(1, 10)]).await.map_err(text)?;
            acknowledged.push(machine.event_count());
        }
        let end = machine.event_count();
        for _ in 0..3 {
            let begin = acknowledged[0];
            let at = begin + rng.below((end - begin + 1) as u64) as usize;
            let durable = acknowledged.iter().filter(|event| **event <= at).count();
            let crashed = machine.crashed(at, &mut rng);
            for complete in notes.complete(at) {
                states.fetch_add(1, Ordering::Relaxed);
                let disk = ids.iter().position(|id| *id == complete).ok_or("a strange disk")?;
                let (alone, _) = open(vec![crashed.disk(disk)], ALONE, seed)
                    .await
                    .map_err(|error| format!("{fault:?}, disk {disk} at {at}: {error}"))?;
                for sample in &SAMPLES[..durable] {
                    alone.store.read(&sample.digest).await.map_err(|error| {
                        format!("{fault:?}, disk {disk} at {at} of {end}: {error}")
                    })?;
                }
            }
        }
        Ok(())
    })
}

/// A disk that returns has what the other lost. Nothing of that is forgotten before it was read.
pub(super) fn forgetting_round(seed: u64, states: &AtomicUsize) -> Result<(), String> {
    block_on(async {
        states.fetch_add(1, Ordering::Relaxed);
        let mut rng = SimRng::new(seed ^ 0xf029);
        let machine = machine(2, 30);
        let (store, _) = create(machine.disks(), 1).await.map_err(text)?;
        let mut writer = store.writer(writer_keys(1));
        for number in 0..10 {
            append(&mut writer, number).await.map_err(text)?;
        }
        drop(writer);
        store.commit(vec![event(1, 10)]).await.map_err(text)?;
        store.close().await.map_err(text)?;
        let (opened, _) = open(vec![machine.disk(0)], ALONE, 2).await.map_err(text)?;
        let store = opened.store;
        store.commit(vec![event(2, 10)]).await.map_err(text)?;
        let lost = &SAMPLES[rng.below(10) as usize].digest;
        damage(&machine, &store, lost).await?;
        store.admit(machine.disk(1), Admission::Return, false).await.map_err(text)?;
        store.forget(&[*lost]).await.map_err(text)?;
        store.resync(Pace::default(), |_| true).await.map_err(text)?;
        store.read(lost).await.map(drop).map_err(|error| format!("it was there: {error}"))
    })
}

/// Makes the first disk's copy of a record bad.
async fn damage(machine: &SimMachine, store: &Store, digest: &model::Digest) -> Result<(), String> {
    let geometry = geometry(machine);
    for slot in 0..geometry.segment_slots() {
        // No sample is shorter than that.
        for at in (4096..u64::from(geometry.segment_bytes()) - 4096).step_by(40) {
            machine.flip_bit(0, geometry.slot_offset(slot) + at, 1);
            if matches!(store.read(digest).await, Err(StoreError::Damaged { .. })) {
                return Ok(());
            }
            machine.flip_bit(0, geometry.slot_offset(slot) + at, 1);
        }
    }
    Err("no bit of it was found".to_owned())
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[test]
fn a_disk_that_the_witness_calls_complete_has_all_that_was_acknowledged() {
    let states = AtomicUsize::new(0);
    for seed in seeds(2000) {
        assert_eq!(round(seed, &states), Ok(()), "seed {seed}");
    }
    println!("R6: {} states", states.load(Ordering::Relaxed));
}

#[test]
fn what_a_disk_that_is_filled_may_have_is_not_forgotten() {
    let states = AtomicUsize::new(0);
    for seed in seeds(20) {
        assert_eq!(forgetting_round(seed, &states), Ok(()), "seed {seed}");
    }
}

#[test]
fn nothing_is_acknowledged_without_a_disk_while_the_witness_cannot_keep_that() {
    block_on(async {
        let machine = machine(2, 20);
        let (store, _) = create(machine.disks(), 1).await.unwrap();
        let notes = Notes::of(&machine);
        store.witnessed_by(notes.clone()).await.unwrap();
        let mut writer = store.writer(writer_keys(1));
        append(&mut writer, 1).await.unwrap();
        store.commit(vec![event(1, 10)]).await.unwrap();
        notes.takes.store(false, Ordering::Relaxed);
        append(&mut writer, 2).await.unwrap();
        store.commit(vec![event(2, 10)]).await.expect("both disks have it");
        machine.inject(1, SimFault::FailWrite { nth: 0, lasting: true });
        append(&mut writer, 3).await.unwrap();
        let refused = store.commit(vec![event(3, 10)]).await;
        assert!(matches!(refused, Err(StoreError::Unwitnessed)), "{refused:?}");
        drop((writer, store));
        // Whichever of the disks comes first, it has what was acknowledged.
        for disk in [0, 1] {
            let after = machine.restarted();
            let (alone, _) = open(vec![after.disk(disk)], ALONE, 3).await.unwrap();
            expect_all(&alone.store, [1, 2]).await;
        }
    });
}
