//! How a disk is divided: a head and a tail with the superblocks and wrapped keys, two copies of
//! the log ring as far apart as the disk allows, and segment slots between them.

use model::{BLOCK, BLOCK_U64};

/// Copies of the superblock on a disk.
pub const SUPERBLOCK_SLOTS: u8 = 4;

/// Copies of the wrapped keys on a disk.
pub const KEY_SLOTS: u8 = 4;

/// Copies of the log ring on a disk.
pub const LOG_COPIES: u8 = 2;

/// Head and tail consist of four cells of this many bytes: two superblocks, two key blocks.
pub const CELL_BYTES: u64 = 32 * 1024;

/// Bytes of the head, and of the tail.
pub const EDGE_BYTES: u64 = 4 * CELL_BYTES;

/// Smallest and largest segment. The largest is what one object of an offsite copy may hold.
pub const SEGMENT_BYTES_RANGE: std::ops::RangeInclusive<u32> = 32 * 1024..=64 * 1024 * 1024;

/// Smallest log ring: eight records of the smallest useful size.
pub const MIN_LOG_BYTES: u64 = 64 * 1024;

/// Fewest segment slots: three checkpoints, two open segments and one to spare.
pub const MIN_SEGMENT_SLOTS: u32 = 6;

/// The places of everything on one disk. All offsets and sizes are in bytes and whole blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    disk_bytes: u64,
    log_bytes: u64,
    segment_bytes: u32,
}

impl Geometry {
    /// `None` when the disk is too small for its log and [`MIN_SEGMENT_SLOTS`], or a size is out
    /// of range or not in whole blocks.
    pub fn new(disk_bytes: u64, log_bytes: u64, segment_bytes: u32) -> Option<Self> {
        let whole = disk_bytes.is_multiple_of(BLOCK_U64)
            && log_bytes.is_multiple_of(BLOCK_U64)
            && segment_bytes.is_multiple_of(BLOCK as u32);
        let in_range = log_bytes >= MIN_LOG_BYTES && SEGMENT_BYTES_RANGE.contains(&segment_bytes);
        if !whole || !in_range {
            return None;
        }
        let fixed = log_bytes.checked_mul(2)?.checked_add(2 * EDGE_BYTES)?;
        let slots = disk_bytes.checked_sub(fixed)? / u64::from(segment_bytes);
        (slots >= u64::from(MIN_SEGMENT_SLOTS) && slots < u64::from(u32::MAX)).then_some(Self {
            disk_bytes,
            log_bytes,
            segment_bytes,
        })
    }

    pub fn disk_bytes(&self) -> u64 {
        self.disk_bytes
    }

    /// Bytes of one copy of the log ring.
    pub fn log_bytes(&self) -> u64 {
        self.log_bytes
    }

    pub fn segment_bytes(&self) -> u32 {
        self.segment_bytes
    }

    /// Number of segment slots.
    pub fn segment_slots(&self) -> u32 {
        let room = self.log_offset(1) - self.segments_offset();
        (room / u64::from(self.segment_bytes)) as u32
    }

    /// Slots 0 and 1 lie in the head, 2 and 3 in the tail.
    pub fn superblock_offset(&self, slot: u8) -> u64 {
        self.cell(slot, 0)
    }

    /// Slots 0 and 1 lie in the head, 2 and 3 in the tail.
    pub fn key_offset(&self, slot: u8) -> u64 {
        self.cell(slot, 2)
    }

    /// Copy 0 follows the head, copy 1 precedes the tail.
    pub fn log_offset(&self, copy: u8) -> u64 {
        if copy == 0 { EDGE_BYTES } else { self.disk_bytes - EDGE_BYTES - self.log_bytes }
    }

    /// Where segment slot `slot` begins.
    pub fn slot_offset(&self, slot: u32) -> u64 {
        self.segments_offset() + u64::from(slot) * u64::from(self.segment_bytes)
    }

    fn segments_offset(&self) -> u64 {
        EDGE_BYTES + self.log_bytes
    }

    fn cell(&self, slot: u8, first: u64) -> u64 {
        let edge = if slot < 2 { 0 } else { self.disk_bytes - EDGE_BYTES };
        edge + (first + u64::from(slot % 2)) * CELL_BYTES
    }
}
