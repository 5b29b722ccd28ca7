//! Segments: a header, sealed records packed end to end, and a footer that lists them.
//!
//! The body has no headers between records, so that a whole segment can be handed to a vault
//! without showing where chunks begin. What the records are stands in the footer, in the log
//! and, for segments without a footer, in the checkpoint.

use model::{BLOCK, DataKeyId, Digest, Epoch, PoolId, SegmentId, TenantId};

use crate::FormatError;
use crate::layout::{Fixed, layout};
use crate::superblock::FORMAT_VERSION;

/// Bytes of one group of the keyless hash tree.
pub const GROUP_BYTES: usize = 1 << 20;

/// Most records in a segment: the index keeps record numbers in 16 bits.
pub const MAX_RECORDS: u32 = 65_535;

/// Most digests that a record may refer to.
pub const MAX_REFS: u32 = 8192;

const HEADER_MAGIC: [u8; 8] = *b"HFSEGMNT";
const TRAILER_MAGIC: [u8; 8] = *b"HFTRAILR";

/// What a record is. The numbers stand on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum RecordKind {
    /// A piece of a volume.
    Chunk = 1,
    /// The manifest of one leaf range of a volume.
    Leaf = 2,
    /// An inner node of a manifest.
    Node = 3,
    /// A recovery point.
    Point = 4,
}

impl RecordKind {
    /// The kind that has this number, if any.
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::Chunk, Self::Leaf, Self::Node, Self::Point]
            .into_iter()
            .find(|kind| *kind as u8 == number)
    }
}

layout! {
    /// What must be known of a segment to open its records, kept in its header, its trailer, the
    /// log and the checkpoint.
    pub struct SegmentInfo = "SegmentInfo", 88 bytes {
        segment: SegmentId,
        epoch: Epoch,
        tenant: TenantId,
        data_key: DataKeyId,
        /// 1 data. Other kinds are reserved.
        kind: u8,
        /// Ciphers and digests: 1 = AES-256-GCM with BLAKE3.
        suite: u8,
        reserved: u16,
        /// Random; the segment's key is derived from the data key and this.
        salt: [u8; 32],
        /// Shows that a segment key is the right one before anything is opened with it.
        commitment: [u8; 16],
    }
}

layout! {
    /// First block of a segment.
    pub struct SegmentHeader = "SegmentHeader", 256 bytes {
        magic: [u8; 8],
        version: u16,
        reserved: [u8; 6],
        pool_id: PoolId,
        info: SegmentInfo,
        reserved2: [u8; 104],
        checksum: [u8; 32],
    }
}

layout! {
    /// One record of a segment.
    pub struct Entry = "Entry", 64 bytes {
        digest: Digest,
        /// From the start of the segment.
        offset: u32,
        /// Stored bytes: the references, then the sealed payload.
        length: u32,
        /// Digests at the start of the stored bytes, 32 bytes each.
        refs: u16,
        kind: u8,
        reserved: [u8; 5],
        /// First 16 bytes of the BLAKE3 of the stored bytes.
        checksum: [u8; 16],
    }
}

layout! {
    /// Last block of a segment that has a footer.
    pub struct SegmentTrailer = "SegmentTrailer", 384 bytes {
        magic: [u8; 8],
        version: u16,
        reserved: [u8; 6],
        pool_id: PoolId,
        info: SegmentInfo,
        records: u32,
        /// End of the last record, from the start of the segment.
        body_end: u32,
        /// Start of the entries, from the start of the segment.
        entries_offset: u32,
        /// Start of the group hashes, from the start of the segment.
        groups_offset: u32,
        groups: u32,
        reserved2: u32,
        /// BLAKE3 of the entries.
        entries_hash: [u8; 32],
        /// BLAKE3 of the group hashes: the root of the keyless hash tree.
        groups_hash: [u8; 32],
        reserved3: [u8; 144],
        checksum: [u8; 32],
    }
}

/// [`SegmentInfo::kind`] of a segment that holds records.
pub const SEGMENT_DATA: u8 = 1;

/// [`SegmentInfo::suite`]: AES-256-GCM, BLAKE3.
pub const SUITE_AES_GCM_BLAKE3: u8 = 1;

/// First 16 bytes of the BLAKE3 of a record's stored bytes: shows damage without any key.
pub fn record_checksum(stored: &[u8]) -> [u8; 16] {
    <[u8; 16]>::load(blake3::hash(stored).as_bytes())
}

impl SegmentHeader {
    /// The first block of a segment.
    pub fn encode(pool_id: PoolId, info: &SegmentInfo) -> [u8; BLOCK] {
        let header = Self {
            magic: HEADER_MAGIC,
            version: FORMAT_VERSION,
            reserved: [0; 6],
            pool_id,
            info: *info,
            reserved2: [0; 104],
            checksum: [0; 32],
        };
        let mut block = [0; BLOCK];
        header.save(&mut block);
        sign(&mut block, Self::SIZE);
        block
    }

    /// Reads the header of a segment of this pool.
    pub fn decode(block: &[u8], pool_id: PoolId) -> Result<SegmentInfo, FormatError> {
        const NAME: &str = "segment header";
        let vital = signed(block, Self::SIZE, &HEADER_MAGIC, NAME)?;
        let header = Self::load(vital);
        if header.pool_id != pool_id {
            return Err(FormatError::Misplaced { structure: NAME });
        }
        check_version(header.version, NAME)?;
        Ok(header.info)
    }
}

/// A footer: all bytes from `entries_offset` to the end of the segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footer {
    pub trailer: SegmentTrailer,
    pub bytes: Vec<u8>,
}

/// Bytes that a footer takes, in whole blocks.
pub fn footer_bytes(records: usize, groups: usize) -> usize {
    (records * Entry::SIZE + groups * 32).next_multiple_of(BLOCK) + BLOCK
}

impl Footer {
    /// Builds the footer of a segment of `segment_bytes` whose body ends at `body_end`.
    ///
    /// The entries and group hashes come right before the trailer, which is the last block.
    pub fn build(
        pool_id: PoolId,
        info: &SegmentInfo,
        segment_bytes: u32,
        body_end: u32,
        entries: &[Entry],
        groups: &[[u8; 32]],
    ) -> Self {
        let total = footer_bytes(entries.len(), groups.len());
        let mut bytes = vec![0; total];
        for (entry, to) in entries.iter().zip(bytes.chunks_exact_mut(Entry::SIZE)) {
            entry.save(to);
        }
        let entries_bytes = entries.len() * Entry::SIZE;
        let (entry_part, rest) = bytes.split_at_mut(entries_bytes);
        for (hash, to) in groups.iter().zip(rest.chunks_exact_mut(32)) {
            hash.save(to);
        }
        let group_part = rest.get(..groups.len() * 32).unwrap_or_default();
        let start = segment_bytes - total as u32;
        let mut trailer = SegmentTrailer {
            magic: TRAILER_MAGIC,
            version: FORMAT_VERSION,
            reserved: [0; 6],
            pool_id,
            info: *info,
            records: entries.len() as u32,
            body_end,
            entries_offset: start,
            groups_offset: start + entries_bytes as u32,
            groups: groups.len() as u32,
            reserved2: 0,
            entries_hash: *blake3::hash(entry_part).as_bytes(),
            groups_hash: *blake3::hash(group_part).as_bytes(),
            reserved3: [0; 144],
            checksum: [0; 32],
        };
        if let Some(block) = bytes.last_chunk_mut::<BLOCK>() {
            trailer.save(block);
            trailer.checksum = sign(block, SegmentTrailer::SIZE);
        }
        Self { trailer, bytes }
    }
}

impl SegmentTrailer {
    /// Reads the last block of a segment of this pool.
    pub fn decode(block: &[u8], pool_id: PoolId) -> Result<Self, FormatError> {
        const NAME: &str = "segment trailer";
        let vital = signed(block, Self::SIZE, &TRAILER_MAGIC, NAME)?;
        let trailer = Self::load(vital);
        if trailer.pool_id != pool_id {
            return Err(FormatError::Misplaced { structure: NAME });
        }
        check_version(trailer.version, NAME)?;
        Ok(trailer)
    }

    /// Decodes the entries from the `footer`: the bytes from `entries_offset` on. Checks the
    /// hashes that the trailer names.
    pub fn entries(&self, footer: &[u8]) -> Result<Vec<Entry>, FormatError> {
        const NAME: &str = "segment footer";
        let damaged = FormatError::Damaged { structure: NAME };
        if self.records > MAX_RECORDS {
            return Err(FormatError::Invalid { structure: NAME, field: "record count" });
        }
        let length = self.records as usize * Entry::SIZE;
        let Some((entries, rest)) = footer.split_at_checked(length) else { return Err(damaged) };
        let groups = rest.get(..self.groups as usize * 32).ok_or(damaged.clone())?;
        let hashes = (blake3::hash(entries), blake3::hash(groups));
        if hashes.0.as_bytes() != &self.entries_hash || hashes.1.as_bytes() != &self.groups_hash {
            return Err(damaged);
        }
        Ok(entries.chunks_exact(Entry::SIZE).map(Entry::load).collect())
    }
}

/// Puts the checksum over the first `size - 32` bytes into the 32 after them.
fn sign(block: &mut [u8], size: usize) -> [u8; 32] {
    let (covered, rest) = block.split_at_mut(size - 32);
    let checksum = *blake3::hash(covered).as_bytes();
    checksum.save(rest);
    checksum
}

/// The first `size` bytes of a block, if they begin with `magic` and their checksum holds.
fn signed<'a>(
    block: &'a [u8],
    size: usize,
    magic: &[u8; 8],
    structure: &'static str,
) -> Result<&'a [u8], FormatError> {
    let vital = block.get(..size).ok_or(FormatError::Absent { structure })?;
    if !vital.starts_with(magic) {
        return Err(FormatError::Absent { structure });
    }
    let (covered, checksum) = vital.split_at(size - 32);
    if blake3::hash(covered).as_bytes() != checksum {
        return Err(FormatError::Damaged { structure });
    }
    Ok(vital)
}

fn check_version(found: u16, structure: &'static str) -> Result<(), FormatError> {
    if found > FORMAT_VERSION {
        return Err(FormatError::Newer { structure, found, supported: FORMAT_VERSION });
    }
    Ok(())
}
