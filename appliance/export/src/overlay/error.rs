//! What can go wrong with an overlay, by what a caller can do about it.

use std::io;
use std::path::PathBuf;

use super::Base;
use crate::image::ImageError;

#[derive(Debug, thiserror::Error)]
pub enum OverlayError {
    /// Open it above the recovery point that it was made for, or take another file.
    #[error("overlay {} belongs to {found}, not to {expected}", path.display())]
    OtherBase { path: PathBuf, found: Base, expected: Base },
    /// The recovery point is the right one, yet its disk has another size: one of both is damaged.
    #[error("overlay {} is for a disk of {found} bytes, this one has {expected}", path.display())]
    OtherSize { path: PathBuf, found: u64, expected: u64 },
    #[error("{} is not an overlay", path.display())]
    NotAnOverlay { path: PathBuf },
    #[error("overlay {} has format version {version}, newer than this program", path.display())]
    NewerVersion { path: PathBuf, version: u32 },
    /// The journal is damaged below its end: what it said is not guessed.
    #[error("overlay {} is damaged at byte {offset}", path.display())]
    Corrupt { path: PathBuf, offset: u64 },
    #[error("overlay {} is in use by another process", path.display())]
    InUse { path: PathBuf },
    #[error("overlay {}: {source}", path.display())]
    Open { path: PathBuf, source: io::Error },
    /// The file system that holds the overlay is full. Nothing was lost but this write.
    #[error("no space left for the overlay")]
    Full,
    /// The range does not lie in the disk.
    #[error("{length} bytes at {offset} do not lie in the disk")]
    OutOfRange { offset: u64, length: u64 },
    /// A flush failed, now or earlier: nothing can be written until the overlay is opened again.
    #[error("the overlay stopped writing after a failed flush")]
    Stopped,
    #[error("cannot write the overlay: {0}")]
    Write(io::Error),
    /// A block that was to be changed in part could not be read.
    #[error(transparent)]
    Below(#[from] ImageError),
}

impl OverlayError {
    /// A write to the overlay's file failed.
    pub(super) fn write(source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::Full,
            _ => Self::Write(source),
        }
    }
}
