//! The superblock: where a disk says what it is and where its store's newest checkpoint lies.
//!
//! Four copies a disk, in two pairs written in turn, so that a torn or lost write never takes the
//! last good one. All of it is in the first 512 bytes of its block, which a disk writes whole.

use model::{BLOCK, DiskId, Epoch, PoolId, Sequence};

use crate::FormatError;
use crate::geometry::{Geometry, SUPERBLOCK_SLOTS};
use crate::layout::{Fixed, layout};

/// The newest format this crate writes and reads.
pub const FORMAT_VERSION: u16 = 1;

/// Most disks a pool can have. The format has room for four; the store uses one or two.
pub const MAX_MEMBERS: usize = 4;

/// Features that one must know to read at all: [`Superblock::decode`] refuses others.
pub const KNOWN_INCOMPAT: u64 = 0;

/// Features that one must know to write: whoever opens a pool for writing refuses others.
pub const KNOWN_RO_COMPAT: u64 = 0;

const MAGIC: [u8; 8] = *b"HOLDFAST";
const NAME: &str = "superblock";

layout! {
    /// One disk of the pool, as every superblock lists it.
    pub struct Member = "Member", 32 bytes {
        disk_id: DiskId,
        /// 0 no such member, 1 active, 2 missing: left behind at `generation`.
        state: u8,
        reserved: [u8; 7],
        /// Of an active member: a generation that it surely has. Of a missing one: the generation
        /// that recorded its absence.
        generation: u64,
    }
}

/// [`Member::state`] of a member that holds everything.
pub const MEMBER_ACTIVE: u8 = 1;
/// [`Member::state`] of a member that was left behind and may not be read from.
pub const MEMBER_MISSING: u8 = 2;
/// [`Member::state`]: in service, and has not got a copy of each segment yet.
pub const MEMBER_SYNCING: u8 = 3;

layout! {
    /// The vital 512 bytes of a superblock.
    pub struct Superblock = "Superblock", 512 bytes {
        magic: [u8; 8],
        version: u16,
        /// Which of the four copies this is: tells a misdirected write.
        slot: u8,
        /// Place of this disk in `members`.
        member: u8,
        member_count: u8,
        /// 1 when nothing was written after this: a reader need not look for damage at the end
        /// of the log.
        closed: u8,
        reserved: [u8; 2],
        incompat: u64,
        ro_compat: u64,
        compat: u64,
        pool_id: PoolId,
        disk_id: DiskId,
        generation: u64,
        epoch: Epoch,
        disk_bytes: u64,
        log_bytes: u64,
        segment_bytes: u32,
        /// Slot, on this disk, of the first part of the checkpoint.
        checkpoint_slot: u32,
        /// Bytes of the first part of the checkpoint.
        checkpoint_bytes: u32,
        reserved2: u32,
        checkpoint_hash: [u8; 32],
        /// Position of the first log record that the checkpoint does not contain.
        replay_position: u64,
        /// Sequence of that record.
        replay_sequence: Sequence,
        /// Hash of the record before it.
        replay_previous: [u8; 32],
        members: [Member; MAX_MEMBERS],
        reserved3: [u8; 152],
        checksum: [u8; 32],
    }
}

impl Superblock {
    /// A superblock with the constant fields set and everything else zero.
    pub fn new(pool_id: PoolId, disk_id: DiskId, geometry: &Geometry) -> Self {
        let mut empty = Self::load(&[0; Self::SIZE]);
        empty.magic = MAGIC;
        empty.version = FORMAT_VERSION;
        empty.pool_id = pool_id;
        empty.disk_id = disk_id;
        empty.disk_bytes = geometry.disk_bytes();
        empty.log_bytes = geometry.log_bytes();
        empty.segment_bytes = geometry.segment_bytes();
        empty
    }

    /// The block to write to `slot` of the disk.
    pub fn encode(&self, slot: u8) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        Self { slot, ..*self }.save(&mut block);
        let (covered, rest) = block.split_at_mut(Self::SIZE - 32);
        blake3::hash(covered).as_bytes().save(rest);
        block
    }

    /// Reads the superblock that lies at `slot`. Places of magic, version and checksum are the same
    /// in every version, so that a newer one is named as such.
    pub fn decode(block: &[u8], slot: u8) -> Result<Self, FormatError> {
        let Some((vital, _)) = block.split_at_checked(Self::SIZE) else {
            return Err(FormatError::Absent { structure: NAME });
        };
        let found = Self::load(vital);
        if found.magic != MAGIC {
            return Err(FormatError::Absent { structure: NAME });
        }
        let covered = vital.get(..Self::SIZE - 32).unwrap_or_default();
        if blake3::hash(covered).as_bytes() != &found.checksum {
            return Err(FormatError::Damaged { structure: NAME });
        }
        if found.version > FORMAT_VERSION {
            return Err(FormatError::Newer {
                structure: NAME,
                found: found.version,
                supported: FORMAT_VERSION,
            });
        }
        if found.slot != slot {
            return Err(FormatError::Misplaced { structure: NAME });
        }
        found.check()?;
        Ok(found)
    }

    /// Members that exist, in order.
    pub fn member_list(&self) -> &[Member] {
        self.members.get(..usize::from(self.member_count)).unwrap_or_default()
    }

    fn check(&self) -> Result<(), FormatError> {
        let unknown = self.incompat & !KNOWN_INCOMPAT;
        if unknown != 0 {
            return Err(FormatError::UnknownFeatures { structure: NAME, bits: unknown });
        }
        let invalid = |field| Err(FormatError::Invalid { structure: NAME, field });
        if self.member_count == 0 || usize::from(self.member_count) > MAX_MEMBERS {
            return invalid("member count");
        }
        if self.member >= self.member_count {
            return invalid("member number");
        }
        if Geometry::new(self.disk_bytes, self.log_bytes, self.segment_bytes).is_none() {
            return invalid("geometry");
        }
        Ok(())
    }
}

/// The pair of slots that a generation is written to.
pub fn slots_of(generation: u64) -> [u8; 2] {
    let first = (generation % 2) as u8;
    [first, first + SUPERBLOCK_SLOTS / 2]
}
