//! What disks held at one moment, and getting back to it.

use disk::{Access, Backend, Buffer, Disk, SharedBuffer};
use futures_executor::block_on;

/// Bytes of one transfer.
const PIECE: usize = 1 << 20;

/// The whole contents of some disks, in memory.
#[derive(Debug)]
pub(crate) struct Saved {
    disks: Vec<(String, Vec<SharedBuffer>)>,
}

impl Saved {
    pub(crate) fn of(paths: &[String]) -> Self {
        let read = |path: &String| {
            let disk = open(path, Access::ReadOnly);
            let pieces = (0..disk.size()).step_by(PIECE).map(|offset| {
                let length = (disk.size() - offset).min(PIECE as u64) as usize;
                let read = block_on(disk.read(offset, Buffer::zeroed(length)));
                read.expect("a healthy disk").freeze()
            });
            (path.clone(), pieces.collect())
        };
        Self { disks: paths.iter().map(read).collect() }
    }

    /// Writes all of it back.
    pub(crate) fn put_back(&self) {
        for (path, pieces) in &self.disks {
            let disk = open(path, Access::ReadWrite);
            for (number, piece) in pieces.iter().enumerate() {
                let written = block_on(disk.write((number * PIECE) as u64, piece.clone()));
                written.expect("a healthy disk");
            }
        }
    }
}

fn open(path: &str, access: Access) -> std::sync::Arc<dyn Disk> {
    disk::open(path.as_ref(), access, Backend::Threads).expect("a disk that nobody else uses")
}
