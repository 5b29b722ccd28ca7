//! The checkpoint: everything the log said up to a position, so that opening need not replay it.
//!
//! It fills one or more free segment slots. The first part begins with a head and the list of the
//! others; a superblock names the first part and its hash.

use std::borrow::Cow;

use model::{Epoch, PoolId, SegmentId, Sequence};

use crate::FormatError;
use crate::bytes::{Taker, put};
use crate::layout::{Fixed, layout};
use crate::log::{EntryGroup, put_group, take_group};
use crate::segment::SegmentInfo;
use crate::superblock::{FORMAT_VERSION, MAX_MEMBERS};

const MAGIC: [u8; 8] = *b"HFCHKPNT";
const NAME: &str = "checkpoint";

layout! {
    /// Start of the first part of a checkpoint.
    pub struct CheckpointHead = "CheckpointHead", 128 bytes {
        magic: [u8; 8],
        version: u16,
        reserved: [u8; 6],
        pool_id: PoolId,
        generation: u64,
        epoch: Epoch,
        replay_sequence: Sequence,
        /// The number that the next segment gets.
        next_segment: SegmentId,
        /// Parts after the first.
        parts: u32,
        segments: u32,
        /// Segments without a footer, whose entries stand here.
        groups: u32,
        reserved2: u32,
        index_bytes: u64,
        catalog_bytes: u64,
        /// Bytes of all sections together.
        body_bytes: u64,
        reserved3: [u8; 24],
    }
}

layout! {
    /// A further part: its slot on each member, its bytes and their BLAKE3.
    pub struct PartPlace = "PartPlace", 56 bytes {
        slots: [u32; MAX_MEMBERS],
        bytes: u32,
        reserved: u32,
        hash: [u8; 32],
    }
}

layout! {
    /// A segment that holds records.
    pub struct SegmentRow = "SegmentRow", 152 bytes {
        info: SegmentInfo,
        slots: [u32; MAX_MEMBERS],
        /// 1 without a footer, 2 with one, 3 with one and retired.
        state: u8,
        reserved: [u8; 3],
        records: u32,
        body_end: u32,
        /// State 3: the pool's age when the segment was retired, in seconds; else 0.
        retired: u32,
        /// `checksum` of the trailer of a segment with a footer.
        trailer: [u8; 32],
    }
}

/// [`SegmentRow::state`] of a segment whose entries stand in the checkpoint.
pub const SEGMENT_UNSEALED: u8 = 1;
/// [`SegmentRow::state`] of a segment with a footer.
pub const SEGMENT_SEALED: u8 = 2;
/// [`SegmentRow::state`]: with a footer, and nothing in it is needed any more.
pub const SEGMENT_RETIRED: u8 = 3;

/// A checkpoint in memory; what was decoded borrows its large sections.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checkpoint<'a> {
    pub next_segment: SegmentId,
    pub segments: Vec<SegmentRow>,
    /// Entries of segments without a footer.
    pub groups: Vec<EntryGroup>,
    /// The index as the store keeps it in memory. Of no records it still has a count for each
    /// shard: without bytes it is damaged.
    pub index: Cow<'a, [u8]>,
    /// The catalog's own bytes.
    pub catalog: Cow<'a, [u8]>,
}

/// What a checkpoint says about itself besides its contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointPlace {
    pub pool_id: PoolId,
    pub generation: u64,
    pub epoch: Epoch,
    pub replay_sequence: Sequence,
}

impl<'a> Checkpoint<'a> {
    /// The sections in order, without head and part list.
    pub fn encode_body(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(
            self.segments.len() * SegmentRow::SIZE + self.index.len() + self.catalog.len() + 4096,
        );
        self.segments.iter().for_each(|row| put(&mut body, row));
        self.groups.iter().for_each(|group| put_group(&mut body, group));
        body.extend_from_slice(&self.index);
        body.extend_from_slice(&self.catalog);
        body
    }

    /// The head for a body that was cut into `parts`, the first of which follows the head.
    pub fn head(&self, place: &CheckpointPlace, parts: usize, body_bytes: usize) -> CheckpointHead {
        CheckpointHead {
            magic: MAGIC,
            version: FORMAT_VERSION,
            reserved: [0; 6],
            pool_id: place.pool_id,
            generation: place.generation,
            epoch: place.epoch,
            replay_sequence: place.replay_sequence,
            next_segment: self.next_segment,
            parts: parts as u32,
            segments: self.segments.len() as u32,
            groups: self.groups.len() as u32,
            reserved2: 0,
            index_bytes: self.index.len() as u64,
            catalog_bytes: self.catalog.len() as u64,
            body_bytes: body_bytes as u64,
            reserved3: [0; 24],
        }
    }

    /// Decodes the sections of a whole body. The catalog ends where the body does, the index where
    /// the catalog begins.
    pub fn decode_body(head: &CheckpointHead, body: &'a [u8]) -> Result<Self, FormatError> {
        let mut taker = Taker::new(body, NAME);
        let segments = taker.list(head.segments as usize)?;
        let mut groups = Vec::new();
        for _ in 0..head.groups {
            groups.push(take_group(&mut taker)?);
        }
        let index = taker.bytes(head.index_bytes as usize)?.into();
        let catalog = taker.bytes(head.catalog_bytes as usize)?.into();
        if !taker.is_empty() {
            return Err(taker.invalid("length"));
        }
        Ok(Self { next_segment: head.next_segment, segments, groups, index, catalog })
    }
}

/// The first part: head, list of the other parts, start of the body.
pub fn encode_first_part(head: &CheckpointHead, parts: &[PartPlace], body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(first_part_overhead(parts.len()) + body.len());
    put(&mut bytes, head);
    parts.iter().for_each(|part| put(&mut bytes, part));
    bytes.extend_from_slice(body);
    bytes
}

/// Bytes of the first part that are not body.
pub fn first_part_overhead(parts: usize) -> usize {
    CheckpointHead::SIZE + parts * PartPlace::SIZE
}

/// Reads the first part, whose hash the caller has checked: head, other parts, start of the body.
pub fn decode_first_part(
    bytes: &[u8],
    pool_id: PoolId,
) -> Result<(CheckpointHead, Vec<PartPlace>, &[u8]), FormatError> {
    let mut taker = Taker::new(bytes, NAME);
    let head: CheckpointHead = taker.value()?;
    if head.magic != MAGIC {
        return Err(FormatError::Absent { structure: NAME });
    }
    if head.pool_id != pool_id {
        return Err(FormatError::Misplaced { structure: NAME });
    }
    if head.version > FORMAT_VERSION {
        return Err(FormatError::Newer {
            structure: NAME,
            found: head.version,
            supported: FORMAT_VERSION,
        });
    }
    let parts = taker.list(head.parts as usize)?;
    let body = bytes.get(first_part_overhead(parts.len())..).unwrap_or_default();
    Ok((head, parts, body))
}
