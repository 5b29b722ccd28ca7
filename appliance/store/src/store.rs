//! The store: what all of its parts share, and the handle to it.

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use disk::BufferPool;
use format::FormatError;
use format::checkpoint::SegmentRow;
use format::geometry::Geometry;
use format::layout::Fixed;
use model::{BLOCK, Digest, Epoch, PoolId, SegmentId, Sequence};

use crate::create::SLABS;
use crate::filling::slab_bytes;
use crate::foreground::Foreground;
use crate::index::{Index, Place};
use crate::log::Log;
use crate::members::{Members, lock};
use crate::queue::Queue;
use crate::retired::RetiredSegments;
use crate::segments::{FooterCache, Segments};
use crate::sync::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Mutex};
use crate::uses::Uses;
use crate::witness::Witnessed;
use crate::writer::WriterSlot;
use crate::{Result, StoreError};

/// Randomness, passed in so that a simulation can repeat itself.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` with bytes that nobody can guess.
    fn fill(&self, bytes: &mut [u8]);
}

/// Who understands the events that commits carry: the catalog.
///
/// The store calls it under its log's lock, in the order of the log, so that a snapshot contains
/// exactly the events before it.
pub trait Journal: Send + Sync {
    /// Takes the state that [`snapshot`](Self::snapshot) gave at some checkpoint. Called once,
    /// before any event.
    fn restore(&self, snapshot: &[u8]) -> Result<(), FormatError>;
    /// Takes one durable event.
    fn apply(&self, sequence: Sequence, event: &[u8]) -> Result<(), FormatError>;
    /// The whole state, for a checkpoint.
    fn snapshot(&self) -> Vec<u8>;
}

pub(crate) struct Inner {
    pub(crate) pool_id: PoolId,
    pub(crate) geometry: Geometry,
    /// Shared with what is on its way to the disks.
    pub(crate) members: Arc<Members>,
    pub(crate) index: Index,
    pub(crate) segments: Mutex<Segments>,
    pub(crate) retired: Mutex<RetiredSegments>,
    pub(crate) footers: Mutex<FooterCache>,
    pub(crate) uses: Mutex<Uses>,
    /// Records that no disk could give: stored anew when they come again.
    pub(crate) damaged: Mutex<HashSet<Place>>,
    pub(crate) buffers: OnceLock<BufferPool>,
    pub(crate) log: tokio::sync::Mutex<Log>,
    /// Held by who takes a disk in, from the first look at it; before the log's.
    pub(crate) admitting: tokio::sync::Mutex<()>,
    pub(crate) queue: Mutex<Queue>,
    pub(crate) writers: Mutex<Vec<WriterSlot>>,
    pub(crate) next_segment: AtomicU64,
    /// The epoch that this opening writes in; 0 until it writes.
    pub(crate) epoch: AtomicU64,
    /// Log bytes that the next commit will need.
    pub(crate) pending_bytes: AtomicUsize,
    /// Stored bytes that the next commit will name.
    pub(crate) pending_stored: AtomicU64,
    /// Bytes of the catalog in the newest checkpoint.
    pub(crate) catalog_bytes: AtomicUsize,
    /// Slots, on one disk, of the checkpoints that superblocks refer to.
    pub(crate) checkpoint_slots: AtomicU32,
    pub(crate) healed: AtomicU64,
    pub(crate) cleared: AtomicU64,
    pub(crate) foreground: Foreground,
    pub(crate) witnessed: Witnessed,
    pub(crate) stopped: AtomicBool,
    pub(crate) read_only: bool,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) journal: Arc<dyn Journal>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.pool_id)
    }
}

/// Slots that reclaim may fill while new records find the pool full.
const MOVING_SLOTS: u32 = 4;

impl Inner {
    /// Refuses to write when it may not or must not.
    pub(crate) fn check_writable(&self) -> Result<()> {
        if self.read_only {
            return Err(StoreError::ReadOnly);
        }
        if self.stopped.load(Ordering::Acquire) {
            return Err(StoreError::Stopped);
        }
        Ok(())
    }

    /// After a failed write nobody knows what is on the disks: stop, and recover by opening again.
    pub(crate) fn stop_on_error<T>(&self, result: Result<T>) -> Result<T> {
        if let Err(StoreError::Disk(_)) = &result {
            self.stopped.store(true, Ordering::Release);
        }
        result
    }

    /// Memory for transfers, made when the first is needed.
    pub(crate) fn buffers(&self) -> &BufferPool {
        let slab_bytes = slab_bytes(self.geometry.segment_bytes());
        self.buffers.get_or_init(|| BufferPool::new(slab_bytes, SLABS))
    }

    /// Slots that new records may not take: those of checkpoints, and some for reclaim to move
    /// records to, so that a full pool can be emptied.
    pub(crate) fn reserve(&self) -> u32 {
        self.checkpoint_reserve() + MOVING_SLOTS.min(self.geometry.segment_slots() / 8)
    }

    /// Slots that only checkpoints may take: always enough for the two that are referred to and
    /// one being written, so that a full pool can still be read, checked and emptied.
    pub(crate) fn checkpoint_reserve(&self) -> u32 {
        let rows = lock(&self.segments).len() + lock(&self.retired).len() + 1;
        let segments = rows * SegmentRow::SIZE;
        let catalog = self.catalog_bytes.load(Ordering::Relaxed) + BLOCK;
        // A shard of the index grows by half.
        let bytes = segments + catalog + self.index.bytes() / 2 * 3;
        let slots = bytes / (self.geometry.segment_bytes() as usize - BLOCK) + 1;
        let wanted =
            (3 * slots as u32).saturating_sub(self.checkpoint_slots.load(Ordering::Relaxed));
        wanted.max(self.geometry.segment_slots() / 50).max(3)
    }

    /// Bytes of the slots that new records can take.
    pub(crate) fn free_bytes(&self) -> u64 {
        let slots = self.members.free_slots().saturating_sub(self.reserve());
        u64::from(slots) * u64::from(self.geometry.segment_bytes())
    }

    pub(crate) fn take_segment_id(&self) -> SegmentId {
        SegmentId(self.next_segment.fetch_add(1, Ordering::AcqRel))
    }

    pub(crate) fn current_epoch(&self) -> Epoch {
        Epoch(self.epoch.load(Ordering::Acquire))
    }
}

/// An open pool. Clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

/// How full and how well a pool is. Amounts are in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolStatus {
    pub pool_id: PoolId,
    /// One per member, in order.
    pub disks: Vec<DiskStatus>,
    pub segment_bytes: u64,
    pub segments: u64,
    /// Stored bytes of all records of one copy, with their segments' headers and footers.
    pub stored_bytes: u64,
    /// What new records can take.
    pub free_bytes: u64,
    /// What all segments together could take.
    pub capacity_bytes: u64,
    pub records: u64,
    /// Bytes that will be free when retired segments are released.
    pub retired_bytes: u64,
    /// Memory of the index.
    pub index_bytes: u64,
    /// Copies rewritten from another disk since the pool was opened.
    pub healed: u64,
    /// Those of them where nothing was stored: what a crash left of a write that nobody was told
    /// of.
    pub cleared: u64,
}

/// One disk of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskStatus {
    /// Path; `None` when the disk is missing.
    pub name: Option<String>,
    /// False when it failed since the pool was opened, or is missing.
    pub active: bool,
}

impl Store {
    /// The pool's identity.
    pub fn pool_id(&self) -> PoolId {
        self.inner.pool_id
    }

    /// Whether anything was written since the pool was opened, be it only to heal.
    pub fn has_written(&self) -> bool {
        let healed = self.inner.healed.load(Ordering::Relaxed) > 0;
        self.inner.current_epoch() != Epoch(0) || healed && !self.inner.read_only
    }

    /// How full and how well the pool is.
    pub fn status(&self) -> PoolStatus {
        let inner = &self.inner;
        let segment_bytes = u64::from(inner.geometry.segment_bytes());
        let slots = inner.members.active().map(|(_, member)| member.geometry.segment_slots());
        let slots = slots.min().unwrap_or(inner.geometry.segment_slots());
        let reserve = inner.reserve();
        let segments = lock(&inner.segments).sorted();
        let rows = (0..inner.members.count()).filter(|row| inner.members.in_use(*row));
        let disks = rows.map(|number| {
            let member = inner.members.get(number);
            DiskStatus {
                name: member.map(|member| member.disk.name().to_owned()),
                active: member.is_some_and(|member| member.is_active()),
            }
        });
        PoolStatus {
            pool_id: inner.pool_id,
            disks: disks.collect(),
            segment_bytes,
            segments: segments.len() as u64,
            stored_bytes: segments.iter().map(|segment| segment.stored_bytes()).sum(),
            free_bytes: inner.free_bytes(),
            capacity_bytes: u64::from(slots.saturating_sub(reserve)) * segment_bytes,
            records: segments.iter().map(|segment| segment.records() as u64).sum(),
            retired_bytes: inner.retired_bytes(),
            index_bytes: inner.index.bytes() as u64,
            healed: inner.healed.load(Ordering::Relaxed),
            cleared: inner.cleared.load(Ordering::Relaxed),
        }
    }

    /// Memory for transfers, shared with whoever feeds the store.
    pub fn buffers(&self) -> &BufferPool {
        self.inner.buffers()
    }

    /// Whether the record is in the store and, as far as is known, intact.
    ///
    /// # Errors
    /// When the disks cannot tell.
    pub async fn contains(&self, digest: &Digest) -> Result<bool> {
        Ok(self.stored_length(digest).await?.is_some())
    }

    /// Stored bytes, references and seal included, of a record that is in the store and, as far as
    /// is known, intact. It is not read for that. Reclaim keeps it as long as somebody has a lease.
    ///
    /// # Errors
    /// When the disks cannot tell.
    pub async fn stored_length(&self, digest: &Digest) -> Result<Option<u64>> {
        let _waited = self.inner.foreground.enter();
        match self.inner.find_all(digest).await {
            Ok(mut found) => {
                found.retain(|(place, _)| !lock(&self.inner.damaged).contains(place));
                let used = found.into_iter().find(|(place, _)| self.inner.count_on(*place));
                Ok(used.map(|(_, entry)| u64::from(entry.length)))
            }
            // Its list is damaged everywhere: store the record anew.
            Err(StoreError::Damaged { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
