//! The slots of segments: none is given out twice, none gets lost, and none that somebody may
//! still read is used again.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex};

use disk::schedules::{explore, some_turns, turn};
use disk::sim::SimMachine;
use format::log::NO_SLOT;
use futures_util::future::join_all;
use model::{Digest, DiskId};
use shuttle::future::{block_on, spawn, spawn_local};
use tokio::sync::oneshot;

use super::super::emptying::AsTheyAre;
use super::super::fixture::{
    SAMPLES, append, create, event, expect_all, geometry, machine, writer_keys,
};
use crate::members::{Member, Members, Slots, lock};
use crate::{ReclaimOptions, Result, Store, StoreError};

/// The records of the segments that are there in the beginning: small ones.
const SEGMENTS: [[usize; 2]; 3] = [[192, 193], [194, 195], [196, 197]];
/// The only one that recovery points need.
const NEEDED: usize = 192;
/// What else the pool is given.
const MORE: [usize; 3] = [200, 201, 202];

/// Turns of others after which somebody comes in at the latest: about as many as a reclaim takes.
const LATEST: usize = 1500;

/// Tasks that take slots on two disks and give them back.
pub(super) fn taking() {
    let machine = machine(2, 6);
    let member = |disk| Member::new(machine.disk(disk), DiskId::default(), 0, geometry(&machine));
    let members = Arc::new(Members::new((0..2).map(|disk| Some(member(disk))).collect()));
    // Two are left on each.
    let all = geometry(&machine).segment_slots();
    let taken: Vec<Slots> = (2..all).map(|_| members.take_slots(0).unwrap()).collect();
    let owned = Arc::new(Mutex::new(HashSet::new()));
    let tasks: Vec<_> = (0..3)
        .map(|_| {
            let (members, owned) = (members.clone(), owned.clone());
            spawn(async move {
                for _ in 0..3 {
                    let Ok(slots) = members.take_slots(0) else { continue };
                    let own: Vec<(usize, u32)> =
                        slots.iter().copied().enumerate().take(2).collect();
                    let new = own.iter().all(|slot| owned.lock().unwrap().insert(*slot));
                    assert!(new, "{own:?} were given to two");
                    turn().await;
                    own.iter().for_each(|slot| assert!(owned.lock().unwrap().remove(slot)));
                    members.give_slots(&slots);
                }
            })
        })
        .collect();
    block_on(async { join_all(tasks).await.into_iter().for_each(|task| task.unwrap()) });
    assert_eq!(members.free_slots(), 2, "some got lost");
    taken.iter().for_each(|slots| members.give_slots(slots));
    assert_eq!(members.free_slots(), all);
}

fn digest(number: usize) -> Digest {
    SAMPLES[number].digest
}

/// A pool with [`SEGMENTS`].
async fn filled(machine: &SimMachine) -> Store {
    let (store, _) = create(machine.disks(), 1).await.unwrap();
    let mut writer = store.writer(writer_keys(1));
    for records in SEGMENTS {
        for number in records {
            append(&mut writer, number).await.unwrap();
        }
        writer.seal().await;
    }
    store.commit(Vec::new()).await.unwrap();
    store
}

/// The records that recovery points need by now.
type Points = Arc<Mutex<Vec<usize>>>;

fn points(needed: &[usize]) -> Points {
    Arc::new(Mutex::new(needed.to_vec()))
}

/// Retires what has nothing but records that are not needed, and moves what is.
async fn reclaim(store: &Store, points: &Points) -> Result<()> {
    let marking = store.begin_reclaim();
    let roots = points.lock().unwrap().iter().map(|number| digest(*number)).collect();
    let reclaim = marking.mark(roots, &mut |_| true).await?;
    let options = ReclaimOptions { least_dead_percent: 1, most_moved_bytes: u64::MAX, age: 0 };
    reclaim.run(&options, &mut AsTheyAre, &mut |_| true).await?;
    Ok(())
}

async fn reclaim_and_release(store: Store, points: Points) {
    for _ in 0..2 {
        reclaim(&store, &points).await.unwrap();
        store.release_retired(u64::MAX).await.unwrap();
    }
}

/// Fills what becomes free.
async fn fill(store: Store) {
    for number in MORE {
        let mut writer = store.writer(writer_keys(2));
        append(&mut writer, number).await.unwrap();
        writer.seal().await;
        store.commit(vec![event(number as u32, 4)]).await.unwrap();
    }
}

/// Each slot that is taken is taken for one thing that is there.
async fn check_slots(store: &Store) {
    let inner = &store.inner;
    let log = inner.log.lock().await;
    let checkpoints = log.anchor.slots().chain(log.before.iter().flat_map(|before| before.slots()));
    let checkpoints: BTreeSet<Slots> = checkpoints.copied().collect();
    let mut used: Vec<Slots> = checkpoints.into_iter().collect();
    used.extend(lock(&inner.segments).sorted().iter().map(|segment| segment.place.slots));
    used.extend(lock(&inner.retired).values().map(|retired| retired.segment.place.slots));
    for (number, member) in inner.members.active() {
        let slots: Vec<u32> =
            used.iter().map(|slots| slots[number]).filter(|slot| *slot != NO_SLOT).collect();
        let different: HashSet<u32> = slots.iter().copied().collect();
        assert_eq!(different.len(), slots.len(), "two things in one slot: {used:?}");
        let free = lock(&member.free).clone();
        assert!(slots.iter().all(|slot| !free.is_free(*slot)), "used and free: {used:?}");
        let taken = member.geometry.segment_slots() - free.count();
        assert_eq!(taken as usize, slots.len(), "taken for nothing: {used:?}");
    }
}

/// What an ingest finds stays, whatever reclaim does meanwhile.
pub(super) fn reclaiming() {
    let machine = machine(1, 20);
    block_on(async {
        let store = filled(&machine).await;
        let points = points(&[NEEDED]);
        let reclaiming = spawn_local(reclaim_and_release(store.clone(), points.clone()));
        let ingesting = store.clone();
        let ingesting = spawn(async move {
            some_turns(LATEST).await;
            let lease = ingesting.lease(Vec::new());
            for number in [193, 195] {
                if !ingesting.contains(&digest(number)).await.unwrap() {
                    let mut writer = ingesting.writer(writer_keys(3));
                    append(&mut writer, number).await.unwrap();
                }
            }
            ingesting.commit(vec![event(1, 4)]).await.unwrap();
            points.lock().unwrap().extend([193, 195]);
            drop(lease);
        });
        join_all([reclaiming, ingesting]).await.into_iter().for_each(|task| task.unwrap());
        expect_all(&store, [NEEDED, 193, 195]).await;
        check_slots(&store).await;
    });
}

/// What somebody with a lease has found keeps its slot until he gives it back: he finds it at any
/// moment of a reclaim, and reads it when all that became free has been used again.
pub(super) fn reading() {
    let machine = machine(1, 20);
    block_on(async {
        let store = filled(&machine).await;
        let reclaiming = spawn_local(reclaim_and_release(store.clone(), points(&[NEEDED])));
        let (go_on, filled_up) = oneshot::channel();
        let reading = spawn(find_then_read(store.clone(), filled_up));
        reclaiming.await.unwrap();
        fill(store.clone()).await;
        go_on.send(()).unwrap();
        reading.await.unwrap();
        expect_all(&store, MORE.into_iter().chain([NEEDED])).await;
        check_slots(&store).await;
    });
}

async fn find_then_read(store: Store, filled_up: oneshot::Receiver<()>) {
    some_turns(LATEST).await;
    let inner = &store.inner;
    let lease = store.lease(Vec::new());
    let mut found = Vec::new();
    for number in [195, 197] {
        if let Some((place, entry)) = inner.find(&digest(number)).await.unwrap() {
            found.push((inner.segment(place).unwrap(), place, entry));
        }
    }
    filled_up.await.unwrap();
    for (segment, place, entry) in found {
        let read = inner.read_checked(&segment, place, &entry, 0).await;
        assert!(read.is_ok(), "{place:?} was used again: {:?}", read.err());
    }
    drop(lease);
}

/// A release beside a reclaim takes only what was retired long enough ago.
pub(super) fn releasing() {
    let machine = machine(1, 20);
    block_on(async {
        let store = filled(&machine).await;
        reclaim(&store, &points(&[192, 193, 194, 195])).await.unwrap();
        let releasing = store.clone();
        let reclaiming = store.clone();
        let tasks = [
            spawn_local(async move {
                reclaim(&reclaiming, &points(&[NEEDED])).await.unwrap();
            }),
            spawn(async move {
                releasing.release_retired(u64::MAX).await.unwrap();
            }),
        ];
        join_all(tasks).await.into_iter().for_each(|task| task.unwrap());
        expect_all(&store, [NEEDED]).await;
        check_slots(&store).await;
        store.release_retired(u64::MAX).await.unwrap();
        assert!(lock(&store.inner.retired).is_empty());
        check_slots(&store).await;
    });
}

/// Two who take what is left: one of them may be told that the pool is full.
fn filling_up() {
    let machine = machine(1, 10);
    block_on(async {
        let (store, _) = create(machine.disks(), 1).await.unwrap();
        let tasks: Vec<_> = (0..3_usize)
            .map(|task| {
                let store = store.clone();
                spawn(async move {
                    let mut kept = Vec::new();
                    for number in [192 + task, 195 + task] {
                        let mut writer = store.writer(writer_keys(task as u8));
                        match append(&mut writer, number).await {
                            Ok(_) => kept.push(number),
                            Err(StoreError::Full) => {}
                            Err(error) => panic!("{error}"),
                        }
                        writer.seal().await;
                        store.commit(Vec::new()).await.unwrap();
                    }
                    kept
                })
            })
            .collect();
        for kept in join_all(tasks).await {
            expect_all(&store, kept.unwrap()).await;
        }
        check_slots(&store).await;
    });
}

#[test]
fn no_schedule_gives_a_slot_to_two_or_loses_one() {
    explore(14_000, taking);
}

#[test]
fn no_schedule_loses_what_an_ingest_found() {
    explore(5_000, reclaiming);
}

#[test]
fn no_schedule_overwrites_what_somebody_may_read() {
    explore(5_000, reading);
}

#[test]
fn no_schedule_releases_what_was_just_retired() {
    explore(3_000, releasing);
}

#[test]
fn no_schedule_of_a_pool_that_fills_up_loses_a_slot() {
    explore(3_000, filling_up);
}
