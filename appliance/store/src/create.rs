//! Making a pool: empty disks become members.

use std::sync::Arc;

use disk::Disk;
use format::geometry::{EDGE_BYTES, Geometry, MIN_SEGMENT_SLOTS};
use format::log::NO_SLOT;
use format::superblock::{MAX_MEMBERS, MEMBER_ACTIVE, Member as MemberRow};
use model::{DiskId, Epoch, PoolId, Sequence};

use crate::index::Index;
use crate::keys::write_keys;
use crate::log::{Anchor, CheckpointRef, Log};
use crate::members::{Member, Members};
use crate::store::{Entropy, Inner, Journal, Store};
use crate::sync::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize};
use crate::{Result, StoreError};

/// Most disks that a pool has for long: each holds everything. While one takes over from another
/// there is one more.
pub const MAX_DISKS: usize = 2;

/// Slabs for all transfers: for each of a few writers one being filled and four on their way.
pub const SLABS: usize = 24;

/// How a pool is laid out. It never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolLayout {
    /// Bytes of a segment, in whole blocks: what is written, replicated and reclaimed as one.
    pub segment_bytes: u32,
    /// Bytes of one copy of the log ring, in whole blocks.
    pub log_bytes: u64,
}

impl PoolLayout {
    /// What suits a disk of this size: 16 MiB segments, smaller ones for small disks; a log of
    /// one part in 128 of the disk, at most 64 MiB.
    pub fn for_disk(bytes: u64) -> Self {
        let segment_bytes = match bytes {
            0..=0x1FFF_FFFF => 1 << 20,
            0x2000_0000..=0xFFFF_FFFF => 4 << 20,
            _ => 16 << 20,
        };
        let log_bytes = (bytes / 128).clamp(1 << 20, 64 << 20) / (1 << 20) * (1 << 20);
        Self { segment_bytes, log_bytes }
    }

    /// The smallest disk that this layout fits on.
    pub fn smallest_disk(&self) -> u64 {
        let segments = u64::from(self.segment_bytes) * u64::from(MIN_SEGMENT_SLOTS);
        2 * EDGE_BYTES + 2 * self.log_bytes + segments
    }
}

impl Store {
    /// Makes a pool of one or two disks. What was on them is lost.
    ///
    /// `keys` is the wrapped key block, kept as it is. When this returns, the pool survives the
    /// loss of power; before, the disks are either not a pool or one without contents.
    pub async fn create(
        disks: Vec<Arc<dyn Disk>>,
        layout: PoolLayout,
        keys: &[u8],
        pool_id: PoolId,
        entropy: Arc<dyn Entropy>,
        journal: Arc<dyn Journal>,
    ) -> Result<Self> {
        if disks.is_empty() || disks.len() > MAX_DISKS {
            let (bytes, limit) = (disks.len(), MAX_DISKS);
            return Err(StoreError::TooLarge { what: "a pool", bytes, limit });
        }
        let mut members = Vec::new();
        let mut rows = [EMPTY_ROW; MAX_MEMBERS];
        for (disk, row) in disks.into_iter().zip(&mut rows) {
            let geometry = Geometry::new(disk.size(), layout.log_bytes, layout.segment_bytes);
            let geometry = geometry.ok_or_else(|| StoreError::TooSmall {
                disk: disk.name().to_owned(),
                bytes: disk.size(),
                needed: layout.smallest_disk(),
            })?;
            let mut disk_id = DiskId::default();
            entropy.fill(&mut disk_id.0);
            *row = MemberRow { disk_id, state: MEMBER_ACTIVE, ..EMPTY_ROW };
            members.push(Some(Member::new(disk, disk_id, 0, geometry)));
        }
        let inner = Inner::new(pool_id, Members::new(members), rows, entropy, journal)?;
        write_keys(&inner.members, keys).await?;
        let mut log = inner.log.lock().await;
        inner.checkpoint(&mut log, false).await?;
        inner.checkpoint(&mut log, true).await?;
        drop(log);
        Ok(Self { inner: Arc::new(inner) })
    }
}

/// A row of the member table that is no member's.
pub(crate) const EMPTY_ROW: MemberRow =
    MemberRow { disk_id: DiskId([0; 16]), state: 0, reserved: [0; 7], generation: 0 };

impl Inner {
    /// A store without contents that has written nothing.
    pub(crate) fn new(
        pool_id: PoolId,
        members: Members,
        rows: [MemberRow; MAX_MEMBERS],
        entropy: Arc<dyn Entropy>,
        journal: Arc<dyn Journal>,
    ) -> Result<Self> {
        let smallest = members.present().map(|(_, member)| member.geometry);
        let geometry = smallest
            .min_by_key(Geometry::segment_slots)
            .ok_or(StoreError::DamagedStructure { structure: "pool" })?;
        let log = Log {
            generation: 0,
            epoch: Epoch(0),
            compat: 0,
            members: rows,
            anchor: Anchor {
                checkpoint: CheckpointRef {
                    slots: [NO_SLOT; MAX_MEMBERS],
                    bytes: 0,
                    hash: [0; 32],
                },
                parts: Vec::new(),
                position: 0,
                sequence: Sequence(1),
                previous: [0; 32],
            },
            before: None,
            strays: Vec::new(),
            position: 0,
            next: Sequence(1),
            previous: [0; 32],
            durable: Sequence(0),
            unproved: false,
            heals: Vec::new(),
            lagging: Vec::new(),
            lacked: Vec::new(),
        };
        Ok(Self {
            pool_id,
            geometry,
            members: Arc::new(members),
            index: Index::default(),
            segments: Default::default(),
            retired: Default::default(),
            footers: Default::default(),
            uses: Default::default(),
            damaged: Default::default(),
            buffers: Default::default(),
            log: tokio::sync::Mutex::new(log),
            queue: Default::default(),
            writers: Default::default(),
            next_segment: AtomicU64::new(1),
            epoch: AtomicU64::new(0),
            pending_bytes: AtomicUsize::new(0),
            pending_stored: AtomicU64::new(0),
            catalog_bytes: AtomicUsize::new(0),
            checkpoint_slots: AtomicU32::new(0),
            healed: AtomicU64::new(0),
            cleared: AtomicU64::new(0),
            foreground: Default::default(),
            admitting: Default::default(),
            witnessed: Default::default(),
            stopped: AtomicBool::new(false),
            read_only: false,
            entropy,
            journal,
        })
    }
}
