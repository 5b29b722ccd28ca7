//! The writes of a client above a recovery point, in one sparse file that survives a restart.
//!
//! A block that was written lies at the same place in the overlay as in the disk, so nothing is
//! allocated or moved and a sequential disk stays sequential. Which blocks are held is a map in
//! memory, restored from a journal at the end of the file. The file's layout is OVERLAY.md.
//!
//! What survives a crash: everything that was written before the last flush that succeeded. What
//! was written after it may be there or not, sector by sector, as on a disk with a write cache.
//! What can go wrong: the file system below fills up (the write fails, nothing else is harmed), or
//! a flush fails. Then what is durable is unknown, so the overlay stops: it still reads, and
//! refuses every write and flush.

mod changes;
mod error;
mod file;
mod flush;
mod journal;
mod layout;
mod map;
mod open;
mod room;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use model::PointId;

use crate::image::{BoxFuture, Content, Extent, Image, ImageError};
pub use error::OverlayError;
use file::LockedFile;
use flush::Journal;
use map::{BlockMap, Held};

/// What an overlay lies above. Above anything else its blocks would make no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base {
    pub point: PointId,
    /// Which volume of the recovery point.
    pub volume: u32,
}

impl Base {
    /// No recovery point: what is below is blank. Identities are random, so no point has this one.
    pub const BLANK: Self = Self { point: PointId([0; 16]), volume: 0 };
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::BLANK {
            return write!(f, "a blank disk");
        }
        write!(f, "volume {} of recovery point {}", self.volume, self.point)
    }
}

/// A disk that can be written: an [`Image`] below, and an overlay file that holds what differs.
pub struct Overlay {
    path: PathBuf,
    base: Base,
    image: Arc<dyn Image>,
    file: Arc<LockedFile>,
    map: std::sync::Mutex<Maps>,
    /// Taken shared by a write to blocks that are whole or held already. Taken alone by one that
    /// has to fill up a block from below, as two of these within one block would undo each other,
    /// and by whatever gives blocks up: what they held must not come back with a write to a part.
    filling: tokio::sync::RwLock<()>,
    journal: tokio::sync::Mutex<Journal>,
    /// Counts finished changes; [`Overlay::flush`] compares it with `flushed`.
    changes: AtomicU64,
    /// The count of `changes` that the last flush covered.
    flushed: AtomicU64,
    stopped: AtomicBool,
    /// Others need room on the file system too.
    leaves_room: bool,
}

/// What is held now, and what of it no journal record says yet.
#[derive(Default)]
struct Maps {
    held: BlockMap,
    unrecorded: BlockMap,
}

impl Overlay {
    /// Opens the overlay at `path`, or creates an empty one if there is none.
    ///
    /// # Errors
    /// An overlay of another recovery point, volume or disk size is refused, as is one that is
    /// open elsewhere, damaged, of a newer version, or no overlay at all. Nothing is changed then.
    pub async fn open(
        path: &Path,
        base: Base,
        image: Arc<dyn Image>,
    ) -> Result<Self, OverlayError> {
        let at = path.to_owned();
        let size = image.size();
        let opened = file::blocking(move || open::open(&at, base, size)).await?;
        Ok(Self {
            path: path.to_owned(),
            base,
            image,
            file: Arc::new(opened.file),
            map: std::sync::Mutex::new(Maps { held: opened.held, ..Maps::default() }),
            filling: tokio::sync::RwLock::new(()),
            journal: tokio::sync::Mutex::new(opened.journal),
            changes: AtomicU64::new(0),
            flushed: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            leaves_room: false,
        })
    }

    /// The same, leaving a part of its file system to others: a write that would take of that fails
    /// as if the file system were full. What is held already can be written again.
    pub fn leaving_room(self) -> Self {
        Self { leaves_room: true, ..self }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether anything is held here.
    pub fn is_written(&self) -> bool {
        !self.maps().held.is_empty()
    }

    /// Ranges that are held here and not below, in bytes and in order; those held as zeroes too.
    /// They touch each other where the content differs in kind.
    pub fn held(&self) -> Vec<Range<u64>> {
        let maps = self.maps();
        let bytes = |(first, count, _): (u64, u32, Held)| {
            let end = (first + u64::from(count)) * layout::BLOCK;
            first * layout::BLOCK..end.min(self.image.size())
        };
        maps.held.runs().map(bytes).collect()
    }

    fn maps(&self) -> std::sync::MutexGuard<'_, Maps> {
        // A panic elsewhere cannot leave the maps half changed: every change is one call.
        self.map.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// What the bytes from `offset` are held as, and how many of the next `length` bytes are so.
    fn held_at(&self, offset: u64, length: u64) -> (Held, u64) {
        let first = offset / layout::BLOCK;
        let end = offset.saturating_add(length);
        let blocks = end.div_ceil(layout::BLOCK).saturating_sub(first);
        let (held, run) = self.maps().held.run(first, blocks);
        let run_end = first.saturating_add(run).saturating_mul(layout::BLOCK);
        (held, run_end.min(end) - offset)
    }

    async fn read_bytes(&self, mut offset: u64, mut to: &mut [u8]) -> Result<(), ImageError> {
        while !to.is_empty() {
            let (held, length) = self.held_at(offset, to.len() as u64);
            let length = usize::try_from(length).unwrap_or(to.len()).min(to.len());
            let (now, later) = to.split_at_mut(length);
            match held {
                Held::Below => self.image.read(offset, now).await?,
                Held::Zero => now.fill(0),
                Held::Data => {
                    file::read(&self.file, layout::place(offset), now)
                        .await
                        .map_err(|source| ImageError::new(offset, source))?;
                }
            }
            offset += length as u64;
            to = later;
        }
        Ok(())
    }

    async fn list_extents(&self, offset: u64, length: u64) -> Result<Vec<Extent>, ImageError> {
        let (held, length) = self.held_at(offset, length);
        let content = match held {
            Held::Below => return self.image.extents(offset, length).await,
            Held::Zero => Content::Hole,
            Held::Data => Content::Data,
        };
        Ok(vec![Extent { length, content }])
    }
}

impl Image for Overlay {
    fn size(&self) -> u64 {
        self.image.size()
    }

    fn read<'a>(
        &'a self,
        offset: u64,
        buffer: &'a mut [u8],
    ) -> BoxFuture<'a, Result<(), ImageError>> {
        Box::pin(self.read_bytes(offset, buffer))
    }

    fn extents(&self, offset: u64, length: u64) -> BoxFuture<'_, Result<Vec<Extent>, ImageError>> {
        Box::pin(self.list_extents(offset, length))
    }
}

impl fmt::Debug for Overlay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overlay")
            .field("path", &self.path)
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}
