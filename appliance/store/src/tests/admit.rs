//! Which disks come into a pool and leave it, what is copied, and what an error on the way does.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use disk::sim::{SimFault, SimMachine};
use disk::{Buffer, Disk, DiskFuture, SharedBuffer};
use format::geometry::EDGE_BYTES;

use super::disks::block_on;
use super::fixture::{
    Events, LAYOUT, SeededEntropy, append, create, event, expect_all, keys, machine, open,
    writer_keys,
};
use super::resync::{disks, expect_sound};
use crate::{Admission, MemberState, OpenOptions, Pace, Store, StoreError};

const ALONE: OpenOptions = OpenOptions { allow_missing: true, read_only: false };

/// A mirror of disks 0 and 1, the second of which was left behind with a part of what the first
/// has: records 0 to 19 of 0 to 29.
async fn degraded(machine: &SimMachine) -> Store {
    let (store, _) = create(vec![machine.disk(0), machine.disk(1)], 1).await.unwrap();
    fill(&store, 0..20).await;
    store.close().await.unwrap();
    let (opened, _) = open(vec![machine.disk(0)], ALONE, 2).await.unwrap();
    fill(&opened.store, 20..30).await;
    opened.store
}

async fn fill(store: &Store, numbers: std::ops::Range<usize>) {
    let mut writer = store.writer(writer_keys(1));
    for number in numbers {
        append(&mut writer, number).await.unwrap();
    }
    store.commit(vec![event(1, 10)]).await.unwrap();
}

#[test]
fn a_disk_that_returns_is_read_and_only_what_differs_is_copied() {
    block_on(async {
        let machine = machine(2, 30);
        let store = degraded(&machine).await;
        let number = store.admit(machine.disk(1), Admission::Return, false).await.unwrap();
        let lacking = store.members().await[number].lacking_segments;
        let before = machine.counts(1).bytes_written;
        let resynced = store.resync(Pace::default(), |_| true).await.unwrap();
        assert!(resynced.complete && resynced.kept >= 2, "{resynced:?}");
        assert_eq!(resynced.kept + resynced.copied, lacking, "{resynced:?}");
        assert_eq!(resynced.bytes_done, resynced.bytes_total);
        let written = machine.counts(1).bytes_written - before;
        let copies = (resynced.copied + 2) * u64::from(LAYOUT.segment_bytes);
        assert!(written <= copies, "{written} bytes for {resynced:?}");
        let status = store.members().await;
        let complete = |m: &crate::MemberStatus| m.state == MemberState::Complete;
        assert!(status.iter().all(complete), "{status:?}");
        expect_sound(&store).await.unwrap();
    });
}

#[test]
fn what_a_returned_disk_has_wrong_is_copied_again() {
    block_on(async {
        let machine = machine(2, 30);
        let store = degraded(&machine).await;
        let disk = machine.disk(1);
        let geometry = super::fixture::geometry(&machine);
        // One bit in each slot, away from headers, so that every copy is found and none is right.
        for slot in 0..geometry.segment_slots() {
            machine.flip_bit(1, geometry.slot_offset(slot) + 5000, 1);
        }
        store.admit(disk, Admission::Return, false).await.unwrap();
        let resynced = store.resync(Pace::default(), |_| true).await.unwrap();
        assert!(resynced.complete && resynced.kept == 0, "{resynced:?}");
        expect_sound(&store).await.unwrap();
        drop(store);
        let (alone, _) = open(vec![machine.disk(1)], ALONE, 3).await.unwrap();
        expect_all(&alone.store, 0..30).await;
    });
}

#[test]
fn only_the_right_disks_are_taken_and_written() {
    block_on(async {
        let machine = disks(30);
        let store = degraded(&machine).await;
        let before = machine.images();
        let replace = Admission::Replace { member: 1 };
        let refused = |result: crate::Result<usize>| result.unwrap_err();
        // A disk of the pool is never overwritten, not even with leave.
        for (how, leave) in [(Admission::Add, true), (replace, true), (replace, false)] {
            let own = refused(store.admit(machine.disk(1), how, leave).await);
            assert!(matches!(own, StoreError::OwnDisk { .. }), "{own}");
            let first = refused(store.admit(machine.disk(0), how, leave).await);
            assert!(matches!(first, StoreError::OwnDisk { .. }), "{first}");
        }
        let blank = refused(store.admit(machine.disk(2), Admission::Return, true).await);
        assert!(matches!(blank, StoreError::NotLeftBehind { .. }), "{blank}");
        let third = refused(store.admit(machine.disk(2), Admission::Add, true).await);
        assert!(matches!(third, StoreError::EnoughDisks { disks: 2 }), "{third}");
        for member in [0, 2, 9] {
            let how = Admission::Replace { member };
            let wrong = refused(store.admit(machine.disk(2), how, true).await);
            let right = matches!(wrong, StoreError::InService { .. } | StoreError::NoMember { .. });
            assert!(right, "{wrong}");
        }
        let small = SimMachine::new(&[2 * EDGE_BYTES + 2 * LAYOUT.log_bytes + (6 << 15)]);
        let tight = refused(store.admit(small.disk(0), replace, true).await);
        assert!(matches!(tight, StoreError::TooSmall { .. }), "{tight}");
        assert_eq!(machine.images()[1..], before[1..]);

        // Another pool's disk, only with leave.
        let (entropy, journal) = (SeededEntropy::new(9), Arc::new(Events::default()));
        let (pool, list) = (model::PoolId([8; 16]), vec![machine.disk(2)]);
        Store::create(list, LAYOUT, &keys(1), pool, entropy, journal).await.unwrap();
        let before = machine.images();
        let foreign = refused(store.admit(machine.disk(2), replace, false).await);
        assert!(matches!(foreign, StoreError::NotEmpty { .. }), "{foreign}");
        assert_eq!(machine.images()[2], before[2]);
        store.admit(machine.disk(2), replace, true).await.unwrap();
        // The one that was replaced is none of the pool's any more.
        let replaced = refused(store.admit(machine.disk(1), Admission::Return, true).await);
        assert!(matches!(replaced, StoreError::NotLeftBehind { .. }), "{replaced}");
        assert!(store.resync(Pace::default(), |_| true).await.unwrap().complete);
        drop(store);
        let all = open(machine.disks(), OpenOptions::default(), 5).await;
        assert!(matches!(all, Err(StoreError::StaleDisk { .. })));
        let (alone, _) = open(vec![machine.disk(2)], ALONE, 6).await.unwrap();
        expect_all(&alone.store, 0..30).await;
    });
}

#[test]
fn a_disk_that_went_on_alone_does_not_return() {
    block_on(async {
        let machine = machine(2, 30);
        drop(degraded(&machine).await);
        let (other, _) = open(vec![machine.disk(1)], ALONE, 4).await.unwrap();
        other.store.commit(vec![event(3, 10)]).await.unwrap();
        drop(other);
        let (opened, _) = open(vec![machine.disk(0)], ALONE, 5).await.unwrap();
        let before = machine.images();
        let split = opened.store.admit(machine.disk(1), Admission::Return, false).await;
        assert!(matches!(split, Err(StoreError::SplitRun)));
        assert_eq!(machine.images()[1], before[1]);
        // Unless what it has got alone may be lost.
        opened.store.admit(machine.disk(1), Admission::Return, true).await.unwrap();
        assert!(opened.store.resync(Pace::default(), |_| true).await.unwrap().complete);
        expect_sound(&opened.store).await.unwrap();
        drop(opened);
        let (opened, events) = open(machine.disks(), OpenOptions::default(), 6).await.unwrap();
        expect_all(&opened.store, 0..30).await;
        assert!(!events.list().contains(&3), "{events:?}");
    });
}

#[test]
fn the_last_disk_that_has_everything_stays() {
    block_on(async {
        let machine = machine(2, 30);
        let store = degraded(&machine).await;
        assert!(matches!(store.remove(0).await, Err(StoreError::LastCopy)));
        store.admit(machine.disk(1), Admission::Return, false).await.unwrap();
        assert!(matches!(store.remove(0).await, Err(StoreError::LastCopy)));
        assert!(matches!(store.remove(5).await, Err(StoreError::NoMember { .. })));
        assert!(store.resync(Pace::default(), |_| true).await.unwrap().complete);
        store.remove(0).await.unwrap();
        fill(&store, 30..33).await;
        drop(store);
        // One disk is the pool now; the other does not come back unasked.
        let (opened, _) = open(vec![machine.disk(1)], OpenOptions::default(), 7).await.unwrap();
        expect_all(&opened.store, 0..33).await;
        assert_eq!(opened.store.members().await.len(), 1);
        drop(opened);
        let both = open(machine.disks(), ALONE, 8).await;
        assert!(matches!(both, Err(StoreError::LeftThePool { .. })));
        let (opened, _) = open(vec![machine.disk(1)], OpenOptions::default(), 9).await.unwrap();
        opened.store.admit(machine.disk(0), Admission::Add, true).await.unwrap();
        assert!(opened.store.resync(Pace::default(), |_| true).await.unwrap().complete);
        drop(opened);
        let (opened, _) = open(vec![machine.disk(0)], ALONE, 10).await.unwrap();
        expect_all(&opened.store, 0..33).await;
    });
}

/// A disk whose first write waits for somebody, for so many looks at most.
#[derive(Debug)]
struct Waiting {
    disk: Arc<dyn Disk>,
    looks_left: AtomicU64,
}

impl Disk for Waiting {
    fn name(&self) -> &str {
        self.disk.name()
    }

    fn size(&self) -> u64 {
        self.disk.size()
    }

    fn read(&self, offset: u64, buffer: Buffer) -> DiskFuture<'_, Buffer> {
        self.disk.read(offset, buffer)
    }

    fn write(&self, offset: u64, data: SharedBuffer) -> DiskFuture<'_, ()> {
        Box::pin(async move {
            poll_fn(|context| {
                let left = self.looks_left.load(Ordering::Relaxed);
                self.looks_left.store(left.saturating_sub(1), Ordering::Relaxed);
                context.waker().wake_by_ref();
                if left == 0 { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            self.disk.write(offset, data).await
        })
    }

    fn flush(&self) -> DiskFuture<'_, ()> {
        self.disk.flush()
    }
}

#[test]
fn nobody_waits_for_a_slow_disk_that_comes_in() {
    block_on(async {
        let machine = disks(30);
        let store = degraded(&machine).await;
        let slow = Arc::new(Waiting { disk: machine.disk(2), looks_left: AtomicU64::new(100_000) });
        let how = Admission::Replace { member: 1 };
        let others = async {
            fill(&store, 30..35).await;
            store.set_keys(&keys(9)).await.unwrap();
            // It was still waiting; now it may go on.
            slow.looks_left.swap(0, Ordering::Relaxed)
        };
        let (came, left) =
            futures_util::future::join(store.admit(slow.clone(), how, false), others).await;
        assert!(left > 0, "they had to wait for it");
        came.unwrap();
        assert!(store.resync(Pace::default(), |_| true).await.unwrap().complete);
        drop(store);
        let (alone, _) = open(vec![machine.disk(2)], ALONE, 3).await.unwrap();
        expect_all(&alone.store, 0..35).await;
        assert_eq!(alone.store.keys().await.unwrap(), keys(9), "the keys are those of now");
    });
}

#[test]
fn a_disk_that_is_taken_in_twice_at_once_comes_in_once() {
    block_on(async {
        let machine = disks(30);
        let store = degraded(&machine).await;
        let slow = |looks| Waiting { disk: machine.disk(2), looks_left: AtomicU64::new(looks) };
        let replace = |disk| store.admit(Arc::new(disk), Admission::Replace { member: 1 }, false);
        // The second looks at the disk while the first waits for it, and would write for longer.
        let both = futures_util::future::join(replace(slow(10)), replace(slow(1000))).await;
        assert_eq!(both.0.unwrap(), 1);
        assert!(matches!(both.1, Err(StoreError::OwnDisk { .. })), "{:?}", both.1);
        assert!(store.resync(Pace::default(), |_| true).await.unwrap().complete);
        fill(&store, 30..32).await;
        drop(store);
        let (alone, _) = open(vec![machine.disk(2)], ALONE, 3).await.unwrap();
        expect_all(&alone.store, 0..32).await;
    });
}

#[test]
fn the_search_for_what_a_returned_disk_holds_can_be_stopped() {
    block_on(async {
        let machine = machine(2, 30);
        let store = degraded(&machine).await;
        store.admit(machine.disk(1), Admission::Return, false).await.unwrap();
        let (reads, mut asked) = (machine.counts(1).reads, 0);
        let go_on = |_: &_| {
            asked += 1;
            asked <= 2
        };
        let stopped = store.resync(Pace::default(), go_on).await.unwrap();
        assert!(!stopped.complete && stopped.copied + stopped.kept == 0, "{stopped:?}");
        assert_eq!(machine.counts(1).reads - reads, 2, "one for each time that it was told to");
        assert!(store.resync(Pace::default(), |_| true).await.unwrap().complete);
        expect_sound(&store).await.unwrap();
    });
}

/// Whatever fails on the disk that comes, the pool goes on with what it had.
#[test]
fn no_error_of_a_disk_that_comes_in_harms_the_pool() {
    let (mut nth, mut struck) = (0, true);
    while struck {
        struck = false;
        for fault in [
            SimFault::FailWrite { nth, lasting: true },
            SimFault::FailWrite { nth, lasting: false },
            SimFault::FailFlush { nth },
            SimFault::FailRead { nth, lasting: true },
        ] {
            block_on(async {
                let machine = disks(30);
                let store = degraded(&machine).await;
                machine.inject(2, fault);
                let how = Admission::Replace { member: 1 };
                let came = store.admit(machine.disk(2), how, false).await;
                let filled = store.resync(Pace::default(), |_| true).await;
                struck |= came.is_err() || filled.is_err();
                let ended = store.commit(vec![event(7, 10)]).await;
                assert!(ended.is_ok(), "{fault:?}: {came:?}, {filled:?}, {ended:?}");
                expect_all(&store, 0..30).await;
                drop(store);
                let (opened, _) = open(vec![machine.disk(0)], ALONE, 5).await.unwrap();
                expect_all(&opened.store, 0..30).await;
            });
        }
        nth += 1;
    }
    println!("{nth} requests");
    assert!(nth > 10);
}

/// The only disk that has everything fails while another is filled: nothing is acknowledged that
/// only the other has, and both together have all that was.
#[test]
fn no_error_of_the_disk_that_has_everything_loses_what_was_acknowledged() {
    for nth in 0..40 {
        for fault in [
            SimFault::FailWrite { nth, lasting: true },
            SimFault::FailFlush { nth },
            SimFault::FailRead { nth, lasting: true },
        ] {
            block_on(async {
                let machine = disks(30);
                let store = degraded(&machine).await;
                let how = Admission::Replace { member: 1 };
                store.admit(machine.disk(2), how, false).await.unwrap();
                machine.inject(0, fault);
                let mut acknowledged = 30;
                for number in 30..34 {
                    let _ = store.resync(Pace::default(), |done| done.bytes_done == 0).await;
                    let mut writer = store.writer(writer_keys(1));
                    let appended = append(&mut writer, number).await;
                    let committed = store.commit(vec![event(9, 10)]).await;
                    if appended.is_ok() && committed.is_ok() && acknowledged == number {
                        acknowledged += 1;
                    }
                }
                let _ = store.resync(Pace::default(), |_| true).await;
                drop(store);
                let machine = machine.restarted();
                let both = vec![machine.disk(0), machine.disk(2)];
                let (opened, _) = match open(both, ALONE, 5).await {
                    Ok(opened) => opened,
                    Err(error) => panic!("{fault:?}: {error}"),
                };
                expect_all(&opened.store, 0..acknowledged).await;
            });
        }
    }
}
