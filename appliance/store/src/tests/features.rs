//! Bits that a newer Holdfast set in superblocks: what each of the three kinds forbids.

use disk::sim::SimMachine;
use format::FormatError;
use format::geometry::SUPERBLOCK_SLOTS;
use format::superblock::Superblock;
use model::BLOCK;

use super::disks::block_on;
use super::fixture::{append, create, event, expect_all, geometry, machine, open, writer_keys};
use super::flips::scrub;
use crate::{OpenOptions, StoreError};

const READ_ONLY: OpenOptions = OpenOptions { read_only: true, allow_missing: false };

/// A pool with ten records and a log behind its checkpoint, whose superblocks were changed: all of
/// them, or those of the newest generation.
fn changed(disks: usize, all: bool, change: impl Fn(&mut Superblock)) -> SimMachine {
    let machine = machine(disks, 20);
    block_on(async {
        let (store, _) = create(machine.disks(), 1).await.unwrap();
        let mut writer = store.writer(writer_keys(1));
        for number in 0..10 {
            append(&mut writer, number).await.unwrap();
        }
        store.commit(vec![event(1, 10)]).await.unwrap();
        store.settle().await.unwrap();
    });
    let mut images = machine.images();
    for image in &mut images {
        let copies = superblocks(image, &machine);
        let newest = copies.iter().map(|(_, _, copy)| copy.generation).max();
        for (slot, at, mut copy) in copies {
            if all || Some(copy.generation) == newest {
                change(&mut copy);
                image[at..at + BLOCK].copy_from_slice(&copy.encode(slot));
            }
        }
    }
    SimMachine::from_images(images)
}

/// Slot, offset and contents of the four superblocks of a disk.
fn superblocks(image: &[u8], machine: &SimMachine) -> Vec<(u8, usize, Superblock)> {
    let geometry = geometry(machine);
    let copy = |slot| {
        let at = geometry.superblock_offset(slot) as usize;
        (slot, at, Superblock::decode(&image[at..at + BLOCK], slot).unwrap())
    };
    (0..SUPERBLOCK_SLOTS).map(copy).collect()
}

#[test]
fn what_one_must_know_to_write_forbids_writing_and_nothing_else() {
    for disks in [1, 2] {
        let machine = changed(disks, true, |superblock| superblock.ro_compat = 1 << 9);
        let before = machine.images();
        block_on(async {
            for allow_missing in [false, true] {
                let options = OpenOptions { read_only: false, allow_missing };
                let refused = open(machine.disks(), options, 2).await.err();
                let right = matches!(refused, Some(StoreError::ReadableOnly { bits: 512 }));
                assert!(right, "{refused:?}");
            }
            let (opened, events) = open(machine.disks(), READ_ONLY, 2).await.unwrap();
            assert_eq!(events.list(), [1]);
            expect_all(&opened.store, 0..10).await;
            let found = scrub(&opened.store).await.unwrap();
            assert!(found.lost.is_empty() && found.damaged == 0, "{found:?}");
        });
        assert!(machine.images() == before, "something was written");
    }
}

#[test]
fn what_one_must_know_to_read_forbids_everything_also_going_back_to_before_it() {
    for all in [true, false] {
        let machine = changed(2, all, |superblock| superblock.incompat = 1 << 40);
        block_on(async {
            for read_only in [true, false] {
                let options = OpenOptions { read_only, allow_missing: false };
                let refused = open(machine.disks(), options, 2).await.err();
                let Some(StoreError::Unreadable { source, .. }) = &refused else {
                    panic!("{refused:?}")
                };
                let bits = 1 << 40;
                let unknown = FormatError::UnknownFeatures { structure: "superblock", bits };
                assert_eq!(*source, unknown);
            }
        });
    }
}

#[test]
fn what_anybody_may_ignore_is_kept_by_who_writes() {
    let machine = changed(2, true, |superblock| superblock.compat = 5);
    block_on(async {
        let (opened, _) = open(machine.disks(), OpenOptions::default(), 2).await.unwrap();
        opened.store.commit(vec![event(2, 10)]).await.unwrap();
        opened.store.close().await.unwrap();
        let (opened, events) = open(machine.disks(), OpenOptions::default(), 3).await.unwrap();
        assert_eq!(events.list(), [1, 2]);
        opened.store.commit(Vec::new()).await.unwrap();
    });
    for image in machine.images() {
        for (slot, _, copy) in superblocks(&image, &machine) {
            assert_eq!(copy.compat, 5, "superblock {slot} of generation {}", copy.generation);
        }
    }
}
