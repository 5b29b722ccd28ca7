//! Disks of every kind to test.

use std::any::Any;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use super::host::{self, Loop};
use crate::sim::SimMachine;
use crate::{Access, Backend, Buffer, Disk, SharedBuffer, create_file, open};

pub(super) const MIB: u64 = 1 << 20;

/// A disk, and what must outlive it.
pub(super) struct Fixture {
    pub(super) disk: Arc<dyn Disk>,
    _ground: Box<dyn Any>,
}

/// Makes a fresh disk of so many bytes; `None` when this machine cannot.
pub(super) type Factory = fn(u64) -> Option<Fixture>;

pub(super) fn uring_file(bytes: u64) -> Option<Fixture> {
    Some(on_file(bytes, Backend::Uring))
}

pub(super) fn threads_file(bytes: u64) -> Option<Fixture> {
    Some(on_file(bytes, Backend::Threads))
}

pub(super) fn uring_device(bytes: u64) -> Option<Fixture> {
    on_device(bytes, Backend::Uring)
}

pub(super) fn threads_device(bytes: u64) -> Option<Fixture> {
    on_device(bytes, Backend::Threads)
}

pub(super) fn simulated(bytes: u64) -> Option<Fixture> {
    let machine = SimMachine::new(&[bytes]);
    Some(Fixture { disk: machine.disk(0), _ground: Box::new(()) })
}

fn on_file(bytes: u64, backend: Backend) -> Fixture {
    let (folder, path) = file(bytes);
    let disk = open(&path, Access::ReadWrite, backend).unwrap();
    Fixture { disk, _ground: Box::new(folder) }
}

fn on_device(bytes: u64, backend: Backend) -> Option<Fixture> {
    if !host::is_able() {
        return None;
    }
    let (folder, path) = file(bytes);
    let device = Loop::over(&path);
    let disk = open(&device.device, Access::ReadWrite, backend).unwrap();
    Some(Fixture { disk, _ground: Box::new((device, folder)) })
}

/// A new sparse file. It lies beside the test program, because the system's folder for temporary
/// files may be on a file system that cannot bypass the page cache.
pub(super) fn file(bytes: u64) -> (tempfile::TempDir, PathBuf) {
    let program = std::env::current_exe().unwrap();
    let folder = tempfile::tempdir_in(program.parent().unwrap()).unwrap();
    let path = folder.path().join("disk");
    create_file(&path, bytes).unwrap();
    (folder, path)
}

pub(super) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A buffer filled with one byte.
pub(super) fn filled(byte: u8, len: usize) -> SharedBuffer {
    let mut buffer = Buffer::zeroed(len);
    buffer.fill(byte);
    buffer.freeze()
}
