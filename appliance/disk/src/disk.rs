//! The contract of a disk.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use model::BLOCK_U64;

use crate::{Buffer, DiskError, SharedBuffer};

/// The pending result of a disk operation.
///
/// Nothing is submitted before the first poll. Dropping the future after that does not cancel the
/// operation: it completes unseen, and its buffer is released then.
pub type DiskFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, DiskError>> + Send + 'a>>;

/// A range of blocks that can be read, written and flushed.
///
/// Operations in flight at the same time happen in any order. Offsets and lengths are multiples of
/// [`model::BLOCK`]. A completed write is durable only after a later flush; before that a power
/// failure may keep it, lose it or tear it between 512-byte sectors. Dropping the last handle waits
/// until submitted operations have ended and then releases the device.
pub trait Disk: Send + Sync + Debug + 'static {
    /// The path, for people.
    fn name(&self) -> &str;

    /// Bytes that can be addressed, a multiple of [`model::BLOCK`].
    fn size(&self) -> u64;

    /// Fills the whole buffer from `offset`. Space that was never written reads as zeroes on
    /// files; on devices it may hold anything.
    fn read(&self, offset: u64, buffer: Buffer) -> DiskFuture<'_, Buffer>;

    /// Writes all of `data` at `offset`, or fails.
    fn write(&self, offset: u64, data: SharedBuffer) -> DiskFuture<'_, ()>;

    /// Makes durable every write that had completed before this future was first polled.
    ///
    /// A flush that fails puts the disk out of service: every later operation is
    /// [`DiskError::Failed`]. It is never repeated, because the second try would succeed without
    /// the lost writes.
    fn flush(&self) -> DiskFuture<'_, ()>;
}

/// What a disk is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reads only. Any number of readers may hold one file; a device has one holder.
    ReadOnly,
    /// Reads and writes, as the only holder.
    ReadWrite,
}

/// How transfers reach the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// One thread and one io_uring per disk: least processor time for each operation.
    Uring,
    /// A few threads with blocking calls: works where io_uring is forbidden.
    Threads,
}

/// Refuses a transfer that is not whole blocks within `size` bytes.
pub(crate) fn check_range(
    disk: &Arc<str>,
    size: u64,
    offset: u64,
    length: usize,
) -> Result<(), DiskError> {
    let length = length as u64;
    if !offset.is_multiple_of(BLOCK_U64) || !length.is_multiple_of(BLOCK_U64) {
        return Err(DiskError::Misaligned { disk: disk.clone(), offset, length });
    }
    match offset.checked_add(length) {
        Some(end) if end <= size => Ok(()),
        _ => Err(DiskError::OutOfRange { disk: disk.clone(), offset, length, size }),
    }
}
