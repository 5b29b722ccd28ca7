//! A disk that takes over, step by step.

use std::ops::Range;
use std::sync::Arc;

use disk::Disk;
use disk::sim::{SimFault, SimMachine};

use super::{ALONE, NEW, OLD, RELIEVE, RESCUE};
use crate::tests::disks::block_on;
use crate::tests::fixture::{append, create, expect_all, open, writer_keys};
use crate::tests::resync::disks;
use crate::{Admission, OpenOptions, Pace, Store, StoreError};

/// A mirror of disks 0 and 1 with records 0 to 29, and a third disk.
async fn mirror() -> (SimMachine, Store) {
    let machine = disks(30);
    let pair = vec![machine.disk(0), machine.disk(OLD)];
    let (store, _) = create(pair, 1).await.unwrap();
    fill(&store, 0..30).await;
    (machine, store)
}

async fn fill(store: &Store, numbers: Range<usize>) {
    let mut writer = store.writer(writer_keys(1));
    for number in numbers {
        append(&mut writer, number).await.unwrap();
    }
    store.commit(Vec::new()).await.unwrap();
}

#[test]
fn a_disk_stays_in_service_until_the_one_that_takes_over_has_everything() {
    block_on(async {
        let (machine, store) = mirror().await;
        assert_eq!(store.admit(machine.disk(NEW), RELIEVE, false).await.unwrap(), NEW);
        let early = store.relieve(OLD, NEW).await;
        assert!(matches!(early, Err(StoreError::Incomplete { .. })));
        // What is written meanwhile is on all three.
        fill(&store, 30..34).await;
        for disk in [0, OLD] {
            let alone = machine.restarted().disk(disk);
            let (opened, _) = open(vec![alone], ALONE, 3).await.unwrap();
            expect_all(&opened.store, 0..34).await;
        }
        let fourth = store.admit(machine.disk(NEW), RELIEVE, true).await;
        assert!(matches!(fourth, Err(StoreError::OwnDisk { .. })));
        assert!(store.resync(Pace::default(), |_| true).await.unwrap().complete);
        store.relieve(OLD, NEW).await.unwrap();
        let numbers: Vec<usize> = store.members().await.iter().map(|m| m.number).collect();
        assert_eq!(numbers, [0, NEW]);
        fill(&store, 34..36).await;
        drop(store);
        let pair = vec![machine.disk(0), machine.disk(NEW)];
        let (opened, _) = open(pair, OpenOptions::default(), 4).await.unwrap();
        expect_all(&opened.store, 0..36).await;
    });
}

#[test]
fn a_disk_that_left_is_only_read_and_only_alone() {
    block_on(async {
        let (machine, store) = mirror().await;
        store.remove(OLD).await.unwrap();
        fill(&store, 30..34).await;
        drop(store);
        for list in [vec![machine.disk(OLD)], vec![machine.disk(0), machine.disk(OLD)]] {
            for options in [OpenOptions::default(), ALONE] {
                let refused = open(list.clone(), options, 2).await;
                assert!(matches!(refused, Err(StoreError::LeftThePool { .. })));
            }
        }
        let both = vec![machine.disk(0), machine.disk(OLD)];
        assert!(open(both, RESCUE, 2).await.is_err());
        let before = machine.images();
        let (opened, _) = open(vec![machine.disk(OLD)], RESCUE, 2).await.unwrap();
        expect_all(&opened.store, 0..30).await;
        assert_eq!(machine.images(), before);
        drop(opened);
        // As a new disk it comes back, and what it has need not be copied.
        let (opened, _) = open(vec![machine.disk(0)], OpenOptions::default(), 5).await.unwrap();
        let old: Arc<dyn Disk> = machine.disk(OLD);
        let unasked = opened.store.admit(old.clone(), Admission::Add, false).await;
        assert!(matches!(unasked, Err(StoreError::NotEmpty { .. })));
        opened.store.admit(old, Admission::Add, true).await.unwrap();
        let resynced = opened.store.resync(Pace::default(), |_| true).await.unwrap();
        assert!(resynced.complete && resynced.kept > 0, "{resynced:?}");
        drop(opened);
        let (opened, _) = open(vec![machine.disk(OLD)], ALONE, 6).await.unwrap();
        expect_all(&opened.store, 0..34).await;
    });
}

#[test]
fn a_disk_that_cannot_be_told_leaves_all_the_same() {
    block_on(async {
        let (machine, store) = mirror().await;
        machine.inject(OLD, SimFault::FailWrite { nth: 0, lasting: true });
        assert!(!store.remove(OLD).await.unwrap());
        fill(&store, 30..34).await;
        drop(store);
        // What half a write left of what it was told may do, and the other disk does.
        let both = open(vec![machine.disk(0), machine.disk(OLD)], ALONE, 2).await;
        let is_out = |error: &StoreError| {
            matches!(error, StoreError::StaleDisk { .. } | StoreError::LeftThePool { .. })
        };
        assert!(both.as_ref().is_err_and(is_out), "{both:?}");
        let (opened, _) = open(vec![machine.disk(0)], OpenOptions::default(), 3).await.unwrap();
        expect_all(&opened.store, 0..34).await;
    });
}

#[test]
fn a_disk_from_before_the_new_one_came_does_not_speak_for_the_pool() {
    block_on(async {
        let (machine, store) = mirror().await;
        let begun = machine.event_count();
        store.admit(machine.disk(NEW), RELIEVE, false).await.unwrap();
        let admitted = machine.event_count();
        assert!(store.resync(Pace::default(), |_| true).await.unwrap().complete);
        store.relieve(OLD, NEW).await.unwrap();
        fill(&store, 30..36).await;
        drop(store);
        let now = machine.event_count();
        for at in begun..=admitted {
            machine.rewind(0, at);
            let restarted = machine.restarted();
            machine.rewind(0, now);
            let pair = || vec![restarted.disk(0), restarted.disk(NEW)];
            assert!(open(pair(), OpenOptions::default(), 3).await.is_err(), "as after {at}");
            if let Ok((opened, _)) = open(pair(), ALONE, 4).await {
                expect_all(&opened.store, 0..36).await;
            }
            let (alone, _) = open(vec![restarted.disk(NEW)], ALONE, 5).await.unwrap();
            expect_all(&alone.store, 0..36).await;
        }
    });
}
