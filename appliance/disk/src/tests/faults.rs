//! What becomes of a disk when the hardware, or its own thread, fails.

use std::time::Duration;

use futures_util::future::{Either, join, join_all, select};
use model::BLOCK;
use tokio::time::timeout;

use super::fixture::{self, MIB, filled, wait};
use super::host::{self, Loop, Mounted};
use crate::queue::QueuedDisk;
use crate::{Access, Backend, Buffer, BufferPool, Disk, DiskError, FailReason, Operation, open};

/// Longer than any answer takes.
const HANGS_AFTER: Duration = Duration::from_secs(20);

const BACKENDS: [Backend; 2] = [Backend::Uring, Backend::Threads];

/// The medium refuses writes past the space behind it, and reads past its end.
#[test]
fn errors_of_a_device_are_reported_and_do_not_end_its_service() {
    if !host::is_able() {
        return;
    }
    for backend in BACKENDS {
        let mounted = Mounted::virtual_one("tmpfs", "size=4m");
        let path = mounted.file(32 * MIB);
        let device = Loop::over(&path);
        let disk = open(&device.device, Access::ReadWrite, backend).unwrap();
        wait(async {
            disk.write(0, filled(1, MIB as usize)).await.unwrap();
            let written = disk.write(8 * MIB, filled(2, 16 * MIB as usize)).await;
            let Err(DiskError::Io { operation, offset, .. }) = written else {
                panic!("{written:?}");
            };
            assert_eq!((operation, offset), (Operation::Write, 8 * MIB));
            host::cut(&path, MIB);
            let read = disk.read(4 * MIB, Buffer::zeroed(BLOCK)).await;
            assert!(matches!(read, Err(DiskError::Io { operation: Operation::Read, .. })));
            let read = disk.read(0, Buffer::zeroed(BLOCK)).await.unwrap();
            assert!(read.iter().all(|&byte| byte == 1));
        });
    }
}

/// The first half of the transfer happens, the second does not.
#[test]
fn a_read_across_the_end_of_a_shrunken_file_fails() {
    for backend in BACKENDS {
        let (_folder, path) = fixture::file(MIB);
        let disk = open(&path, Access::ReadWrite, backend).unwrap();
        host::cut(&path, 64 << 10);
        let pooled = BufferPool::new(128 << 10, 1).try_acquire().unwrap();
        for buffer in [Buffer::zeroed(128 << 10), pooled] {
            let read = wait(disk.read(0, buffer));
            let Err(DiskError::Io { source, .. }) = read else { panic!("{read:?}") };
            assert_eq!(source.kind(), std::io::ErrorKind::UnexpectedEof);
        }
        wait(disk.read(0, Buffer::zeroed(64 << 10))).unwrap();
    }
}

/// A loop device over a file of an ext4 whose own device is short of space: writes are taken and
/// fail only when the flush wants them on the medium.
#[test]
fn a_failed_flush_ends_the_service_of_a_device() {
    if !host::is_able() {
        return;
    }
    for backend in BACKENDS {
        let mounted = Mounted::virtual_one("tmpfs", "size=6m");
        let under = Loop::over(&mounted.file(64 * MIB));
        let ext4 = Mounted::ext4(&under.device);
        let device = Loop::over(&ext4.file(32 * MIB));
        let disk = open(&device.device, Access::ReadWrite, backend).unwrap();
        wait(async {
            for part in 0..16 {
                disk.write(part * MIB, filled(1, MIB as usize)).await.unwrap();
            }
            let flushed = disk.flush().await;
            let Err(DiskError::Io { operation, .. }) = flushed else { panic!("{flushed:?}") };
            assert_eq!(operation, Operation::Flush);
            assert_out_of_service(&*disk, FailReason::Flush).await;
        });
    }
}

/// Requests ahead of the panic are answered too, even those that the thread leaves unfinished.
#[test]
fn a_panic_of_the_serving_thread_ends_the_service() {
    for (backend, in_loop) in BACKENDS.into_iter().flat_map(|b| [(b, false), (b, true)]) {
        let disk = queued(backend);
        wait(async {
            let reads = (0..32).map(|part| disk.read(part * 4096, Buffer::zeroed(BLOCK)));
            let pending = join_all(reads);
            let both = join(pending, disk.panic(in_loop));
            let (answers, panicked) = timeout(HANGS_AFTER, both).await.expect("all are answered");
            let failed =
                |error| matches!(error, DiskError::Failed { reason: FailReason::Panic, .. });
            assert!(panicked.is_err_and(failed));
            assert!(answers.into_iter().all(|answer| answer.is_ok() || answer.is_err_and(failed)));
            assert_out_of_service(&disk, FailReason::Panic).await;
        });
    }
}

/// Nothing answers a request that waits in the queue of a thread that has gone.
#[test]
fn requests_left_behind_are_answered() {
    for backend in BACKENDS {
        let disk = queued(backend);
        wait(async {
            let answers = join_all((0..300).map(|_| disk.panic(true))).await;
            let failed = |answer: &Result<(), DiskError>| {
                matches!(answer, Err(DiskError::Failed { reason: FailReason::Panic, .. }))
            };
            assert!(answers.iter().all(failed));
        });
    }
}

#[test]
fn a_dropped_disk_has_done_what_was_asked() {
    for backend in BACKENDS {
        let (_folder, path) = fixture::file(MIB);
        let disk = open(&path, Access::ReadWrite, backend).unwrap();
        wait(async {
            for part in 0..64 {
                let write = disk.write(part * 16_384, filled(3, 16_384));
                if let Either::Left((written, _)) = select(write, std::pin::pin!(async {})).await {
                    written.unwrap();
                }
            }
        });
        drop(disk);
        assert!(std::fs::read(&path).unwrap().iter().all(|&byte| byte == 3));
    }
}

fn queued(backend: Backend) -> QueuedDisk {
    let file = tempfile::tempfile().unwrap();
    file.set_len(MIB).unwrap();
    let path = std::path::Path::new("queued");
    QueuedDisk::start(path, file, MIB, Access::ReadWrite, backend).unwrap()
}

async fn assert_out_of_service(disk: &dyn Disk, expected: FailReason) {
    let read = disk.read(0, Buffer::zeroed(BLOCK)).await.map(drop);
    let written = disk.write(0, filled(1, BLOCK)).await;
    for answer in [read, written, disk.flush().await] {
        let Err(DiskError::Failed { reason, .. }) = answer else { panic!("{answer:?}") };
        assert_eq!(reason, expected);
    }
}
