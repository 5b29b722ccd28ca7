//! What every disk does, whatever is behind it.

use std::sync::Arc;

use futures_util::future::{Either, join_all, select};
use model::BLOCK;

use super::fixture::{self, Factory, MIB, filled, wait};
use crate::sim::SimRng;
use crate::{Buffer, BufferPool, Disk, DiskError};

macro_rules! conforms {
    ($($kind:ident),*) => {$(
        mod $kind {
            use super::*;

            conforms!(@tests $kind:
                reads_back_what_was_written,
                reads_zeroes_where_nothing_was_written,
                refuses_what_is_not_whole_blocks,
                refuses_what_is_outside,
                agrees_with_a_model_under_concurrency,
                writes_one_buffer_to_two_disks_at_once,
                writes_parts_of_one_slab_at_once,
                completes_what_nobody_waits_for
            );
        }
    )*};
    (@tests $kind:ident: $($test:ident),*) => {$(
        #[test]
        fn $test() {
            super::$test(fixture::$kind);
        }
    )*};
}

conforms!(uring_file, uring_device, threads_file, threads_device, simulated);

fn reads_back_what_was_written(factory: Factory) {
    let Some(fixture) = factory(MIB) else { return };
    let disk = &fixture.disk;
    wait(async {
        disk.write(8192, filled(7, 3 * BLOCK)).await.unwrap();
        disk.flush().await.unwrap();
        let read = disk.read(4096, Buffer::zeroed(5 * BLOCK)).await.unwrap();
        assert!(read[..BLOCK].iter().all(|&byte| byte == 0));
        assert!(read[BLOCK..4 * BLOCK].iter().all(|&byte| byte == 7));
        assert!(read[4 * BLOCK..].iter().all(|&byte| byte == 0));
    });
    assert_eq!(disk.size(), MIB);
}

fn reads_zeroes_where_nothing_was_written(factory: Factory) {
    let Some(fixture) = factory(MIB) else { return };
    let disk = &fixture.disk;
    let mut buffer = Buffer::zeroed(MIB as usize);
    buffer.fill(0xff);
    let read = wait(disk.read(0, buffer)).unwrap();
    assert!(read.iter().all(|&byte| byte == 0));
}

fn refuses_what_is_not_whole_blocks(factory: Factory) {
    let Some(fixture) = factory(MIB) else { return };
    let disk = &fixture.disk;
    wait(async {
        for offset in [1, 512, 4095, u64::MAX] {
            let read = disk.read(offset, Buffer::zeroed(BLOCK)).await;
            assert!(matches!(read, Err(DiskError::Misaligned { .. })));
            let written = disk.write(offset, filled(1, BLOCK)).await;
            assert!(matches!(written, Err(DiskError::Misaligned { .. })));
        }
    });
}

fn refuses_what_is_outside(factory: Factory) {
    let Some(fixture) = factory(MIB) else { return };
    let disk = &fixture.disk;
    wait(async {
        for offset in [MIB - 4096, MIB, u64::MAX - 4095] {
            let read = disk.read(offset, Buffer::zeroed(2 * BLOCK)).await;
            assert!(matches!(read, Err(DiskError::OutOfRange { .. })));
            let written = disk.write(offset, filled(1, 2 * BLOCK)).await;
            assert!(matches!(written, Err(DiskError::OutOfRange { .. })));
        }
    });
}

/// Rounds of operations in flight together, each on its own part of the disk.
fn agrees_with_a_model_under_concurrency(factory: Factory) {
    const PARTS: u64 = 64;
    const PART: u64 = 128 << 10;
    let Some(fixture) = factory(PARTS * PART) else { return };
    let disk = &fixture.disk;
    let mut model = vec![0; (PARTS * PART) as usize];
    let mut rng = SimRng::new(1);
    let pool = BufferPool::new(PART as usize, 70);
    wait(async {
        for round in 0..20 {
            let mut running = Vec::new();
            for part in 0..PARTS {
                let first = rng.below(32);
                let blocks = (1 + rng.below(32)).min(32 - first);
                let start = part * PART + first * BLOCK as u64;
                let mut buffer = pool.acquire().await;
                buffer.truncate(blocks as usize * BLOCK);
                let range = start as usize..start as usize + buffer.len();
                if rng.chance(0.5) {
                    buffer.iter_mut().for_each(|byte| *byte = rng.next_u64() as u8);
                    model[range].copy_from_slice(&buffer);
                    running.push(write(disk, start, buffer));
                } else {
                    running.push(compare(disk, start, buffer, model[range].to_vec()));
                }
            }
            join_all(running).await;
            if round % 5 == 0 {
                disk.flush().await.unwrap();
            }
        }
        let all = disk.read(0, Buffer::zeroed(model.len())).await.unwrap();
        assert!(*all == *model);
    });
    assert_eq!(pool.free(), 70);
}

type Running<'a> = std::pin::Pin<Box<dyn Future<Output = ()> + 'a>>;

fn write(disk: &Arc<dyn Disk>, offset: u64, buffer: Buffer) -> Running<'_> {
    Box::pin(async move { disk.write(offset, buffer.freeze()).await.unwrap() })
}

fn compare(disk: &Arc<dyn Disk>, offset: u64, buffer: Buffer, expected: Vec<u8>) -> Running<'_> {
    Box::pin(async move { assert!(*disk.read(offset, buffer).await.unwrap() == *expected) })
}

fn writes_one_buffer_to_two_disks_at_once(factory: Factory) {
    let (Some(one), Some(two)) = (factory(MIB), factory(MIB)) else { return };
    let pool = BufferPool::new(256 << 10, 4);
    wait(async {
        for byte in 1..50 {
            let mut buffer = pool.acquire().await;
            buffer.fill(byte);
            let data = buffer.freeze();
            let writes = [one.disk.write(0, data.clone()), two.disk.write(8192, data.clone())];
            assert!(join_all(writes).await.into_iter().all(|written| written.is_ok()));
            for (disk, offset) in [(&one.disk, 0), (&two.disk, 8192)] {
                let read = disk.read(offset, pool.acquire().await).await.unwrap();
                assert_eq!(*read, *data);
            }
        }
    });
    assert_eq!(pool.free(), 4);
}

fn writes_parts_of_one_slab_at_once(factory: Factory) {
    const PART: usize = 64 << 10;
    let Some(fixture) = factory(MIB) else { return };
    let disk = &fixture.disk;
    let pool = BufferPool::new(8 * PART, 1);
    wait(async {
        let mut buffer = pool.acquire().await;
        for (part, bytes) in buffer.chunks_exact_mut(PART).enumerate() {
            bytes.fill(part as u8 + 1);
        }
        let data = buffer.freeze();
        // In reverse order of place, so that a mix-up of offsets shows; the last part first,
        // because the first to start is the one that uses registered memory.
        let place = |part: usize| ((7 - part) * PART) as u64;
        let write = |part| disk.write(place(part), data.slice(part * PART..(part + 1) * PART));
        assert!(join_all((0..8).rev().map(write)).await.into_iter().all(|written| written.is_ok()));
        for part in 0..8 {
            let read = disk.read(place(part), Buffer::zeroed(PART)).await.unwrap();
            assert_eq!(*read, data[part * PART..(part + 1) * PART]);
        }
    });
}

/// A write whose future is dropped after its first poll happens, and its slab comes back.
fn completes_what_nobody_waits_for(factory: Factory) {
    let Some(fixture) = factory(MIB) else { return };
    let disk = &fixture.disk;
    let pool = BufferPool::new(256 << 10, 1);
    wait(async {
        let mut buffer = pool.acquire().await;
        buffer.fill(9);
        let ready = std::pin::pin!(async {});
        if let Either::Right((_, write)) = select(disk.write(0, buffer.freeze()), ready).await {
            drop(write);
        }
        let read = disk.read(0, pool.acquire().await).await.unwrap();
        assert!(read.iter().all(|&byte| byte == 9));
    });
}
