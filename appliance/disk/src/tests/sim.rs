//! Power failures and faults of simulated disks.

use std::collections::HashSet;

use model::BLOCK;
use proptest::prelude::*;

use super::fixture::{MIB, filled, wait};
use crate::sim::{SimCounts, SimFault, SimMachine, SimRng};
use crate::{Buffer, Disk, DiskError, FailReason};

const SECTOR: usize = 512;

async fn read(disk: &dyn Disk, block: u64) -> Result<u8, DiskError> {
    let buffer = disk.read(block * BLOCK as u64, Buffer::zeroed(BLOCK)).await?;
    assert!(buffer.iter().all(|&byte| byte == buffer[0]));
    Ok(buffer[0])
}

async fn write(disk: &dyn Disk, block: u64, byte: u8) -> Result<(), DiskError> {
    disk.write(block * BLOCK as u64, filled(byte, BLOCK)).await
}

#[derive(Debug, Clone)]
enum Step {
    Write { disk: usize, block: u64, blocks: usize },
    Flush { disk: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let write = (0_usize..2, 0_u64..8, 1_usize..4).prop_map(|(disk, block, blocks)| Step::Write {
        disk,
        block,
        blocks,
    });
    let flush = (0_usize..2).prop_map(|disk| Step::Flush { disk });
    proptest::collection::vec(prop_oneof![3 => write, 1 => flush], 1..30)
}

proptest! {
    /// Each sector after a power failure holds its last flushed contents or those of a later
    /// write, and a machine that goes on from there works.
    #[test]
    fn power_failures_keep_what_was_flushed(steps in steps(), seed: u64) {
        let sectors = 12 * BLOCK / SECTOR;
        let machine = SimMachine::new(&[(12 * BLOCK) as u64; 2]);
        let mut rng = SimRng::new(seed);
        // For each disk and sector: the bytes that it may hold; the first is durable.
        let mut legal = vec![vec![vec![0_u8]; sectors]; 2];
        for (number, step) in steps.iter().enumerate() {
            match *step {
                Step::Write { disk, block, blocks } => {
                    let byte = number as u8 + 1;
                    let data = filled(byte, blocks * BLOCK);
                    wait(machine.disk(disk).write(block * BLOCK as u64, data)).unwrap();
                    let first = block as usize * BLOCK / SECTOR;
                    let written = &mut legal[disk][first..first + blocks * BLOCK / SECTOR];
                    written.iter_mut().for_each(|sector| sector.push(byte));
                }
                Step::Flush { disk } => {
                    wait(machine.disk(disk).flush()).unwrap();
                    for sector in &mut legal[disk] {
                        *sector = vec![*sector.last().unwrap()];
                    }
                }
            }
            prop_assert_eq!(machine.event_count(), number + 1);
            for (image, legal) in machine.crash(number + 1, &mut rng).iter().zip(&legal) {
                for (sector, legal) in image.chunks_exact(SECTOR).zip(legal) {
                    prop_assert!(legal.contains(&sector[0]));
                    prop_assert!(sector.iter().all(|byte| *byte == sector[0]));
                }
            }
        }
        // Cut off earlier again: the same answer as a machine that never saw the rest.
        let early = machine.crash(0, &mut rng);
        prop_assert!(early.iter().all(|image| image.iter().all(|&byte| byte == 0)));
        prop_assert_eq!(machine.restarted().images(), machine.images());
    }
}

#[test]
fn power_failures_reach_every_kind_of_outcome() {
    let machine = SimMachine::new(&[BLOCK as u64]);
    let disk = machine.disk(0);
    wait(async {
        write(&*disk, 0, 1).await.unwrap();
        write(&*disk, 0, 2).await.unwrap();
    });
    let mut rng = SimRng::new(3);
    let outcomes: HashSet<Vec<u8>> = (0..2_000)
        .map(|_| machine.crash(2, &mut rng)[0].iter().step_by(SECTOR).copied().collect())
        .collect();
    for byte in [0, 1, 2] {
        assert!(outcomes.contains(&vec![byte; 8]), "all sectors {byte}");
    }
    let torn = |old, new| {
        (1..8).all(|at| {
            outcomes.contains(&[vec![new; at], vec![old; 8 - at]].concat())
                && outcomes.contains(&[vec![old; at], vec![new; 8 - at]].concat())
        })
    };
    assert!(torn(0, 1) && torn(0, 2), "torn at every sector, both ways");
}

#[test]
fn a_crashed_machine_repeats_from_its_seed() {
    let machine = SimMachine::new(&[MIB, MIB]);
    wait(async {
        for block in 0..100 {
            write(&*machine.disk(block as usize % 2), block, block as u8).await.unwrap();
        }
    });
    let images = |seed| machine.crash(60, &mut SimRng::new(seed));
    assert_eq!(images(5), images(5));
    assert_ne!(images(5), images(6));
}

#[test]
fn transfers_fail_once_or_for_good() {
    let machine = SimMachine::new(&[MIB]);
    let disk = machine.disk(0);
    machine.inject(0, SimFault::FailRead { nth: 1, lasting: false });
    machine.inject(0, SimFault::FailWrite { nth: 1, lasting: true });
    wait(async {
        let io = |answer| matches!(answer, Err(DiskError::Io { .. }));
        assert_eq!(read(&*disk, 0).await.unwrap(), 0);
        assert!(io(read(&*disk, 0).await));
        assert_eq!(read(&*disk, 0).await.unwrap(), 0);
        write(&*disk, 0, 1).await.unwrap();
        assert!(io(write(&*disk, 0, 2).await.map(|()| 0)));
        assert!(io(write(&*disk, 0, 3).await.map(|()| 0)));
    });
    let image = &machine.images()[0][..BLOCK];
    assert!(image[..BLOCK / 2].iter().all(|&byte| byte == 3));
    assert!(image[BLOCK / 2..].iter().all(|&byte| byte == 1));
}

#[test]
fn a_failed_flush_ends_the_service_until_a_restart() {
    let machine = SimMachine::new(&[MIB]);
    let disk = machine.disk(0);
    machine.inject(0, SimFault::FailFlush { nth: 1 });
    wait(async {
        write(&*disk, 0, 1).await.unwrap();
        disk.flush().await.unwrap();
        write(&*disk, 0, 2).await.unwrap();
        assert!(matches!(disk.flush().await, Err(DiskError::Io { .. })));
        let failed = |answer: Result<(), DiskError>| {
            matches!(answer, Err(DiskError::Failed { reason: FailReason::Flush, .. }))
        };
        assert!(failed(disk.flush().await));
        assert!(failed(write(&*disk, 0, 3).await));
        assert!(failed(read(&*disk, 0).await.map(drop)));
        let lost = (0..100)
            .any(|seed| machine.crash(machine.event_count(), &mut SimRng::new(seed))[0][0] == 1);
        assert!(lost, "the failed flush made nothing durable");
        write(&*machine.restarted().disk(0), 0, 3).await.unwrap();
    });
}

#[test]
fn writes_get_lost_and_go_astray_and_reads_go_stale() {
    let machine = SimMachine::new(&[MIB]);
    let disk = machine.disk(0);
    wait(async {
        write(&*disk, 0, 1).await.unwrap();
        machine.inject(0, SimFault::LoseWrite { nth: 0 });
        write(&*disk, 0, 2).await.unwrap();
        assert_eq!(read(&*disk, 0).await.unwrap(), 1);
        machine.inject(0, SimFault::MisdirectWrite { nth: 0, to: 5 * BLOCK as u64 });
        write(&*disk, 0, 3).await.unwrap();
        assert_eq!((read(&*disk, 0).await.unwrap(), read(&*disk, 5).await.unwrap()), (1, 3));
        write(&*disk, 0, 4).await.unwrap();
        machine.inject(0, SimFault::StaleRead { nth: 1 });
        assert_eq!(read(&*disk, 0).await.unwrap(), 4);
        assert_eq!(read(&*disk, 0).await.unwrap(), 1);
        assert_eq!(read(&*disk, 0).await.unwrap(), 4);
    });
}

#[test]
fn a_disk_goes_and_comes_back_old() {
    let machine = SimMachine::new(&[MIB, MIB]);
    let (one, two) = (machine.disk(0), machine.disk(1));
    machine.inject(0, SimFault::GoneFrom { event: 3 });
    wait(async {
        write(&*one, 0, 1).await.unwrap();
        write(&*one, 0, 2).await.unwrap();
        write(&*two, 0, 3).await.unwrap();
        let gone = read(&*one, 0).await;
        assert!(matches!(gone, Err(DiskError::Failed { reason: FailReason::Gone, .. })));
        write(&*two, 0, 4).await.unwrap();
        let later = machine.restarted();
        assert_eq!(read(&*later.disk(0), 0).await.unwrap(), 2);
        machine.rewind(0, 1);
        assert_eq!(read(&*machine.restarted().disk(0), 0).await.unwrap(), 1);
        let crashed = machine.crash(machine.event_count(), &mut SimRng::new(0));
        assert_eq!(crashed[0][0], 1, "what an old disk holds is durable");
    });
}

#[test]
fn a_flipped_bit_is_durable() {
    let machine = SimMachine::new(&[MIB]);
    machine.flip_bit(0, 5_000, 3);
    assert_eq!(machine.images()[0][5_000], 8);
    assert_eq!(machine.crash(1, &mut SimRng::new(0))[0][5_000], 8);
    assert_eq!(machine.crash(0, &mut SimRng::new(0))[0][5_000], 0);
}

#[test]
fn operations_are_counted() {
    let machine = SimMachine::new(&[MIB]);
    let disk = machine.disk(0);
    wait(async {
        write(&*disk, 0, 1).await.unwrap();
        disk.flush().await.unwrap();
        disk.read(0, Buffer::zeroed(2 * BLOCK)).await.unwrap();
    });
    let expected = SimCounts {
        reads: 1,
        writes: 1,
        flushes: 1,
        bytes_read: 8192,
        bytes_written: 4096,
        faults: 0,
    };
    assert_eq!(machine.counts(0), expected);
    machine.inject(0, SimFault::LoseWrite { nth: 0 });
    assert_eq!(machine.counts(0).faults, 0, "it has not struck");
    wait(write(&*disk, 0, 2)).unwrap();
    assert_eq!(machine.counts(0).faults, 1);
}

#[test]
fn machines_hold_the_same_until_one_byte_differs() {
    let (one, two) = (SimMachine::new(&[MIB, MIB]), SimMachine::new(&[MIB, MIB]));
    for machine in [&one, &two] {
        wait(write(&*machine.disk(1), 7, 3)).unwrap();
    }
    assert!(one.holds_the_same(&two) && one.holds_the_same(&one.restarted()));
    two.flip_bit(1, MIB - 1, 7);
    assert!(!one.holds_the_same(&two) && !two.holds_the_same(&one));
    two.flip_bit(1, MIB - 1, 7);
    assert!(one.holds_the_same(&two));
    assert!(!one.holds_the_same(&SimMachine::new(&[MIB])));
}
