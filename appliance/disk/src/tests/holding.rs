//! Who may have a disk, and what is no disk.

use std::fs;
use std::path::Path;

use model::BLOCK;

use super::fixture::{self, MIB, filled, wait};
use super::host::{self, Loop, Mounted};
use crate::{Access, Backend, Buffer, DiskError, create_file, open};

const BACKENDS: [Backend; 2] = [Backend::Uring, Backend::Threads];

#[test]
fn a_file_has_one_writer_or_many_readers() {
    let (_folder, path) = fixture::file(MIB);
    for backend in BACKENDS {
        let writer = open(&path, Access::ReadWrite, backend).unwrap();
        for access in [Access::ReadWrite, Access::ReadOnly] {
            assert!(matches!(open(&path, access, backend), Err(DiskError::Busy { .. })));
        }
        drop(writer);
        let _readers = BACKENDS.map(|backend| open(&path, Access::ReadOnly, backend).unwrap());
        assert!(matches!(open(&path, Access::ReadWrite, backend), Err(DiskError::Busy { .. })));
    }
}

#[test]
fn a_device_has_one_holder() {
    if !host::is_able() {
        return;
    }
    let (_folder, path) = fixture::file(MIB);
    let device = Loop::over(&path);
    let _quiet = host::without_children();
    let open = |access, backend| open(&device.device, access, backend);
    for backend in BACKENDS {
        let holder = open(Access::ReadWrite, backend).unwrap();
        assert!(matches!(open(Access::ReadWrite, backend), Err(DiskError::Busy { .. })));
        assert!(matches!(open(Access::ReadOnly, backend), Err(DiskError::Busy { .. })));
        drop(holder);
    }
    open(Access::ReadOnly, Backend::Uring).unwrap();
}

#[test]
fn a_reader_cannot_write() {
    let (_folder, path) = fixture::file(MIB);
    for backend in BACKENDS {
        let disk = open(&path, Access::ReadOnly, backend).unwrap();
        wait(async {
            let written = disk.write(0, filled(1, BLOCK)).await;
            assert!(matches!(written, Err(DiskError::ReadOnly { .. })));
            assert!(matches!(disk.flush().await, Err(DiskError::ReadOnly { .. })));
            disk.read(0, Buffer::zeroed(BLOCK)).await.unwrap();
        });
    }
}

#[test]
fn only_files_and_devices_are_disks() {
    let refused = |path: &str| open(Path::new(path), Access::ReadOnly, Backend::Threads);
    assert!(matches!(refused("/dev/null"), Err(DiskError::NotADisk { .. })));
    assert!(matches!(refused("/"), Err(DiskError::NotADisk { .. })));
    assert!(matches!(refused("/nowhere"), Err(DiskError::Open { .. })));
}

#[test]
fn the_size_is_rounded_down_to_blocks() {
    let (_folder, path) = fixture::file(MIB);
    for (bytes, size) in [(4096, 4096), (8191, 4096), (12_289, 12_288)] {
        host::cut(&path, bytes);
        assert_eq!(open(&path, Access::ReadOnly, Backend::Uring).unwrap().size(), size);
    }
    host::cut(&path, 4095);
    let refused = open(&path, Access::ReadOnly, Backend::Uring);
    assert!(matches!(refused, Err(DiskError::TooSmall { bytes: 4095, .. })));
}

#[test]
fn a_new_file_replaces_nothing_and_is_whole_blocks() {
    let (folder, path) = fixture::file(MIB);
    assert!(matches!(create_file(&path, MIB), Err(DiskError::Exists { .. })));
    let other = folder.path().join("other");
    assert!(matches!(create_file(&other, 100), Err(DiskError::TooSmall { .. })));
    assert!(matches!(create_file(&other, MIB + 1), Err(DiskError::Misaligned { .. })));
    assert!(matches!(create_file(&other, 1 << 63), Err(DiskError::Open { .. })));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_file_system_without_direct_transfers_serves() {
    if !host::is_able() {
        return;
    }
    let mounted = Mounted::virtual_one("ramfs", "rw");
    let path = mounted.file(MIB);
    for backend in BACKENDS {
        let disk = open(&path, Access::ReadWrite, backend).unwrap();
        wait(async {
            disk.write(BLOCK as u64, filled(5, BLOCK)).await.unwrap();
            disk.flush().await.unwrap();
            let read = disk.read(0, Buffer::zeroed(2 * BLOCK)).await.unwrap();
            assert!(read[..BLOCK].iter().all(|&byte| byte == 0));
            assert!(read[BLOCK..].iter().all(|&byte| byte == 5));
        });
    }
}
