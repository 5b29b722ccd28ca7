//! What can go wrong with a disk, one variant per thing that a caller does about it.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

/// Why an operation on a disk, or the opening of one, did not happen.
#[derive(Debug, Error)]
pub enum DiskError {
    /// This transfer failed; others may succeed. After a failed write the range holds the old
    /// bytes, the new ones or a mixture. A failed read gives nothing: take the other copy.
    #[error("{operation} of {length} bytes at {offset} on {disk} failed")]
    Io { disk: Arc<str>, operation: Operation, offset: u64, length: u64, source: io::Error },
    /// The disk is out of service until it is opened again: nothing since its last good flush
    /// counts.
    #[error("{disk} is out of service: {reason}")]
    Failed { disk: Arc<str>, reason: FailReason },
    /// The range does not lie within the disk.
    #[error("{length} bytes at {offset} are outside {disk} of {size} bytes")]
    OutOfRange { disk: Arc<str>, offset: u64, length: u64, size: u64 },
    /// An offset or length is not a multiple of the block size.
    #[error("{length} bytes at {offset} on {disk} are not whole blocks")]
    Misaligned { disk: Arc<str>, offset: u64, length: u64 },
    /// A write or flush of a disk that was opened read-only.
    #[error("{disk} was opened read-only")]
    ReadOnly { disk: Arc<str> },
    /// Someone else holds the disk: another Holdfast, a mounted file system, a partition in use.
    #[error("{} is in use: another holdfast, or a mounted file system, holds it", path.display())]
    Busy { path: PathBuf },
    /// The path names neither a block device nor a regular file.
    #[error("{} is neither a block device nor a regular file", path.display())]
    NotADisk { path: PathBuf },
    /// The device cannot transfer 4 KiB blocks at any block boundary.
    #[error("{} has sectors of {sector_bytes} bytes, more than a block", path.display())]
    SectorTooLarge { path: PathBuf, sector_bytes: u64 },
    /// Not even one block fits.
    #[error("{} has {bytes} bytes, less than one block", path.display())]
    TooSmall { path: PathBuf, bytes: u64 },
    /// A new file for a disk would replace one that is there.
    #[error("{} exists already", path.display())]
    Exists { path: PathBuf },
    /// The path cannot be opened, created, locked or measured.
    #[error("cannot open {}", path.display())]
    Open { path: PathBuf, source: io::Error },
    /// The kernel gives no io_uring to this process (too old, or forbidden): use threads.
    #[error("no io_uring for {}", path.display())]
    NoUring { path: PathBuf, source: io::Error },
}

/// Which operation an error speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Read,
    Write,
    Flush,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Flush => "flush",
        })
    }
}

/// Why a disk is out of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailReason {
    /// A flush failed. The kernel reports that once and may then forget it, so no later flush can
    /// be believed.
    Flush,
    /// The thread that serves the disk came upon a bug and stopped.
    Panic,
    /// The disk is no longer there.
    Gone,
}

impl fmt::Display for FailReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flush => "a flush failed",
            Self::Panic => "its thread stopped after an internal error",
            Self::Gone => "it is gone",
        })
    }
}
