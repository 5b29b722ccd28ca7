//! What the store promises when nothing goes wrong.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use format::segment::RecordKind;
use futures_util::future::join_all;
use model::Digest;

use super::disks::{Pace, PacedDisk, block_on};
use super::fixture::{
    LAYOUT, SAMPLES, append, create, event, expect_all, has, keys, machine, open, writer_keys,
};
use crate::{NewRecord, OpenOptions, StoreError};

const READ_ONLY: OpenOptions = OpenOptions { read_only: true, allow_missing: false };

#[test]
fn what_was_committed_is_there_after_reopening_with_and_without_close() {
    for (disks, close) in [(1, true), (1, false), (2, true), (2, false)] {
        let machine = machine(disks, 40);
        block_on(async {
            let (store, _) = create(machine.disks(), 1).await.unwrap();
            let mut writers = [store.writer(writer_keys(1)), store.writer(writer_keys(2))];
            for number in 0..60 {
                append(&mut writers[number % 2], number).await.unwrap();
                if number % 7 == 0 {
                    store.commit(vec![event(number as u32, 40)]).await.unwrap();
                }
            }
            store.commit(vec![event(100, 900), event(101, 9)]).await.unwrap();
            expect_all(&store, 0..60).await;
            if close {
                store.close().await.unwrap();
            }
        });
        for seed in 2..5 {
            block_on(async {
                let (opened, events) =
                    open(machine.disks(), OpenOptions::default(), seed).await.unwrap();
                assert_eq!(events.list(), [0, 7, 14, 21, 28, 35, 42, 49, 56, 100, 101]);
                expect_all(&opened.store, 0..60).await;
                assert!(!has(&opened.store, 61).await.unwrap());
                assert!(opened.stale.is_empty());
                assert_eq!(opened.store.status().healed, 0);
            });
        }
    }
}

#[test]
fn a_store_that_is_dropped_amid_writes_lets_its_disks_go() {
    let machine = machine(1, 40);
    let pace = Pace::default();
    let disk = PacedDisk::over(machine.disk(0), &pace, 1);
    let known = Arc::downgrade(&disk);
    block_on(async {
        let (store, _) = create(vec![disk], 1).await.unwrap();
        let mut writer = store.writer(writer_keys(1));
        append(&mut writer, 0).await.unwrap();
        pace.set(true);
        // Polled until its writes are under way, and no more.
        let mut commit = pin!(store.commit(Vec::new()));
        let begun = |context: &mut Context<'_>| Poll::Ready(commit.as_mut().poll(context));
        assert!(std::future::poll_fn(begun).await.is_pending());
    });
    assert!(known.upgrade().is_none());
}

#[test]
fn a_record_can_be_read_before_its_commit_and_is_gone_without() {
    let machine = machine(2, 20);
    block_on(async {
        let (store, _) = create(machine.disks(), 1).await.unwrap();
        let mut writer = store.writer(writer_keys(1));
        append(&mut writer, 0).await.unwrap();
        store.commit(Vec::new()).await.unwrap();
        append(&mut writer, 1).await.unwrap();
        assert!(store.contains(&SAMPLES[1].digest).await.unwrap());
        expect_all(&store, 0..2).await;
    });
    block_on(async {
        let (opened, _) = open(machine.disks(), OpenOptions::default(), 2).await.unwrap();
        assert!(has(&opened.store, 0).await.unwrap());
        assert!(!has(&opened.store, 1).await.unwrap());
    });
}

#[test]
fn the_log_wraps_and_checkpoints_follow_each_other() {
    let machine = machine(1, 30);
    block_on(async {
        let (store, events) = create(machine.disks(), 1).await.unwrap();
        let mut writer = store.writer(writer_keys(1));
        for round in 0..200 {
            if round % 10 == 0 {
                append(&mut writer, round / 10).await.unwrap();
            }
            store.commit(vec![event(round as u32, 3000)]).await.unwrap();
            if round % 9 == 0 {
                store.settle().await.unwrap();
                store.settle().await.unwrap();
            }
        }
        let generation = store.inner.log.lock().await.generation;
        let position = store.inner.log.lock().await.position;
        assert!(position > 10 * LAYOUT.log_bytes, "{position} bytes of log");
        assert!(generation > 40, "{generation} generations");
        drop(store);
        let (opened, after) = open(machine.disks(), OpenOptions::default(), 2).await.unwrap();
        assert_eq!(after.list(), events.list());
        expect_all(&opened.store, 0..20).await;
    });
}

#[test]
fn a_checkpoint_of_several_parts_is_put_together_again() {
    const RECORDS: u64 = 8000;
    let machine = machine(2, 120);
    let stored = |number: u64| number.to_le_bytes().repeat(5);
    let digest = |number: u64| Digest(*blake3::hash(&stored(number)).as_bytes());
    block_on(async {
        let (store, _) = create(machine.disks(), 1).await.unwrap();
        let mut writer = store.writer(writer_keys(1));
        for number in 0..RECORDS {
            let (digest, stored) = (digest(number), &stored(number)[..]);
            writer.place(stored.len()).await.unwrap();
            let record = NewRecord { kind: RecordKind::Chunk, digest, refs: 0, stored };
            writer.append(record).await.unwrap();
            if number % 200 == 0 {
                store.commit(Vec::new()).await.unwrap();
            }
        }
        store.commit(vec![event(7, 40)]).await.unwrap();
        drop(writer);
        store.close().await.unwrap();
    });
    block_on(async {
        let (opened, events) = open(machine.disks(), READ_ONLY, 2).await.unwrap();
        let parts = opened.store.inner.log.lock().await.anchor.parts.len();
        assert!(parts >= 3, "{parts} parts after the first");
        assert_eq!(events.list(), [7]);
        for number in 0..RECORDS {
            let mut record = opened.store.read(&digest(number)).await.unwrap();
            assert_eq!(*record.view().payload, stored(number));
        }
        assert!(!opened.store.contains(&digest(RECORDS)).await.unwrap());
    });
}

#[test]
fn callers_that_meet_share_a_commit() {
    let machine = machine(2, 20);
    let pace = Pace::default();
    pace.set(true);
    let disks = machine.disks().into_iter().map(|disk| PacedDisk::over(disk, &pace, 5));
    block_on(async {
        let (store, events) = create(disks.collect(), 1).await.unwrap();
        let mut writer = store.writer(writer_keys(1));
        append(&mut writer, 0).await.unwrap();
        let before = machine.counts(0).flushes;
        let commits = (0..20).map(|number| store.commit(vec![event(number, 50)]));
        let sequences: Vec<_> =
            join_all(commits).await.into_iter().map(|result| result.unwrap()).collect();
        assert!(sequences.is_sorted());
        assert_eq!(events.list(), (0..20).collect::<Vec<_>>());
        let flushes = machine.counts(0).flushes - before;
        assert!(flushes <= 4, "{flushes} flushes for 20 commits");
    });
}

#[test]
fn writers_and_commits_at_once_lose_nothing() {
    for seed in 0..20 {
        let machine = machine(2, 60);
        let pace = Pace::default();
        pace.set(true);
        let disks = machine.disks().into_iter().map(|disk| PacedDisk::over(disk, &pace, seed));
        block_on(async {
            let (store, events) = create(disks.collect(), 1).await.unwrap();
            let tasks = (0..6_usize).map(|task| {
                let store = store.clone();
                async move {
                    let mut writer = store.writer(writer_keys(1));
                    for number in (0..25).map(|step| task * 25 + step) {
                        append(&mut writer, number).await.unwrap();
                        if number % 10 == 3 {
                            store.commit(vec![event(number as u32, 500)]).await.unwrap();
                            assert!(has(&store, number).await.unwrap());
                        }
                    }
                    store.commit(Vec::new()).await.unwrap();
                }
            });
            join_all(tasks).await;
            drop(store);
            let (opened, after) = open(machine.disks(), READ_ONLY, 2).await.unwrap();
            assert_eq!(after.list(), events.list());
            assert_eq!(events.list().len(), 15);
            expect_all(&opened.store, 0..150).await;
        });
    }
}

#[test]
fn a_pool_that_was_closed_opens_quickly_and_reading_writes_nothing() {
    let machine = machine(2, 40);
    block_on(async {
        let (store, _) = create(machine.disks(), 1).await.unwrap();
        let mut writer = store.writer(writer_keys(1));
        for number in 0..40 {
            append(&mut writer, number).await.unwrap();
        }
        store.commit(vec![event(1, 10)]).await.unwrap();
        store.close().await.unwrap();
    });
    for options in [READ_ONLY, OpenOptions::default()] {
        let machine = machine.restarted();
        block_on(async {
            let (opened, events) = open(machine.disks(), options, 2).await.unwrap();
            let reads: u64 = (0..2).map(|disk| machine.counts(disk).reads).sum();
            assert!(reads <= 12, "{reads} reads to open");
            expect_all(&opened.store, 0..40).await;
            assert_eq!(events.list(), [1]);
            opened.store.settle().await.unwrap();
            let refused = options.read_only;
            let commit = opened.store.clone().commit(Vec::new()).await;
            assert_eq!(matches!(commit, Err(StoreError::ReadOnly)), refused);
            if refused {
                opened.store.close().await.unwrap();
            }
            for disk in 0..2 {
                let counts = machine.counts(disk);
                assert_eq!((counts.writes + counts.flushes == 0), refused);
            }
        });
    }
}

#[test]
fn nothing_can_be_written_after_close() {
    let machine = machine(1, 20);
    block_on(async {
        let (store, _) = create(machine.disks(), 1).await.unwrap();
        let other = store.clone();
        let mut writer = store.writer(writer_keys(1));
        append(&mut writer, 0).await.unwrap();
        store.close().await.unwrap();
        assert!(matches!(append(&mut writer, 1).await, Err(StoreError::Stopped)));
        let commit = other.commit(vec![event(1, 10)]).await;
        assert!(matches!(commit, Err(StoreError::Stopped)));
        assert!(has(&other, 0).await.unwrap());
        let (opened, events) = open(machine.disks(), READ_ONLY, 2).await.unwrap();
        assert!(has(&opened.store, 0).await.unwrap() && events.list().is_empty());
    });
}

#[test]
fn a_full_pool_refuses_records_takes_events_and_can_be_read() {
    for disks in [1, 2] {
        let machine = machine(disks, 12);
        let stored = block_on(async {
            let (store, _) = create(machine.disks(), 1).await.unwrap();
            let mut writer = store.writer(writer_keys(1));
            let mut stored = 0;
            let full = loop {
                match append(&mut writer, stored % 256).await {
                    Ok(_) => stored += 1,
                    Err(error) => break error,
                }
            };
            assert!(matches!(full, StoreError::Full), "{full}");
            assert!(stored > 20, "{stored} records");
            for number in 0..60 {
                store.commit(vec![event(number, 500)]).await.unwrap();
            }
            assert_eq!(store.status().free_bytes, 0);
            expect_all(&store, 0..stored.min(256)).await;
            store.close().await.unwrap();
            stored
        });
        block_on(async {
            let (opened, events) = open(machine.disks(), OpenOptions::default(), 2).await.unwrap();
            expect_all(&opened.store, 0..stored.min(256)).await;
            assert_eq!(events.list().len(), 60);
            let mut writer = opened.store.writer(writer_keys(1));
            assert!(matches!(append(&mut writer, 255).await, Err(StoreError::Full)));
        });
    }
}

#[test]
fn limits_are_refused_without_harm() {
    let machine = machine(1, 20);
    block_on(async {
        let (store, events) = create(machine.disks(), 1).await.unwrap();
        let mut writer = store.writer(writer_keys(1));
        assert!(matches!(writer.place(24 << 10).await, Err(StoreError::TooLarge { .. })));
        let too_large = store.commit(vec![event(1, 5000)]).await;
        assert!(matches!(too_large, Err(StoreError::TooLarge { .. })));
        writer.place(20 << 10).await.unwrap();
        append(&mut writer, 0).await.unwrap();
        store.commit(vec![event(2, 3900)]).await.unwrap();
        assert_eq!(events.list(), [2]);
    });
}

#[test]
fn new_keys_replace_the_old() {
    let machine = machine(2, 20);
    block_on(async {
        let (store, _) = create(machine.disks(), 1).await.unwrap();
        assert_eq!(store.keys().await.unwrap(), keys(1));
        store.set_keys(&keys(2)).await.unwrap();
        let (opened, _) = open(machine.disks(), READ_ONLY, 2).await.unwrap();
        assert_eq!(opened.store.keys().await.unwrap(), keys(2));
    });
}
