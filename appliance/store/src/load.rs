//! Taking over a checkpoint: which one the superblocks name, and what is in it.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use disk::SharedBuffer;
use format::FormatError;
use format::checkpoint::{
    Checkpoint, CheckpointHead, PartPlace, SEGMENT_RETIRED, SEGMENT_SEALED, decode_first_part,
};
use format::log::{NO_SLOT, SegmentPlace};
use format::segment::Entry;
use format::superblock::{MAX_MEMBERS, Superblock};
use futures_util::{StreamExt, TryStreamExt, stream};
use model::SegmentId;

use crate::index::{Index, Loading};
use crate::log::{Anchor, CheckpointRef};
use crate::members::{Slots, lock};
use crate::recovered::check_entries;
use crate::segments::{Segment, State};
use crate::store::Inner;
use crate::{Result, StoreError};

/// Parts of a checkpoint that are read at once: the next come while one is hashed. Each is up to
/// a segment long.
const PARTS_IN_FLIGHT: usize = 3;

/// A part of a checkpoint in the buffer that it was read into.
#[derive(Debug)]
pub(crate) struct Part {
    buffer: SharedBuffer,
    bytes: usize,
}

impl Part {
    pub(crate) fn bytes(&self) -> &[u8] {
        self.buffer.get(..self.bytes).unwrap_or_default()
    }
}

/// A checkpoint as it was read.
struct Whole {
    /// Says of the sections that are left what they are; of the index nothing.
    head: CheckpointHead,
    /// All sections but the index.
    lists: Vec<u8>,
    index: Index,
    /// Where its parts after the first lie.
    parts: Vec<Slots>,
}

/// The sections of a checkpoint as its parts come: the index, which is by far the largest, goes
/// where it stays.
struct Sections {
    /// Bytes that have come.
    at: usize,
    /// Where the index is among them.
    index: Range<usize>,
    loading: Loading,
    lists: Vec<u8>,
}

/// What the superblocks of a generation refer to: each disk's own slot.
pub(crate) fn anchor_of(
    copies: &[Vec<Superblock>],
    generation: u64,
) -> Option<(Anchor, Superblock)> {
    let mut slots = [NO_SLOT; MAX_MEMBERS];
    let mut found = None;
    for (own, slot) in copies.iter().zip(&mut slots) {
        let copy = own.iter().find(|superblock| superblock.generation == generation);
        if let Some(superblock) = copy {
            *slot = superblock.checkpoint_slot;
            found = Some(*superblock);
        }
    }
    let superblock = found?;
    let anchor = Anchor {
        checkpoint: CheckpointRef {
            slots,
            bytes: superblock.checkpoint_bytes,
            hash: superblock.checkpoint_hash,
        },
        parts: Vec::new(),
        position: superblock.replay_position,
        sequence: superblock.replay_sequence,
        previous: superblock.replay_previous,
    };
    Some((anchor, superblock))
}

impl Inner {
    /// Takes over the checkpoint that a superblock refers to.
    pub(crate) async fn load(
        &mut self,
        anchor: &Anchor,
        superblock: &Superblock,
        copies: &[Vec<Superblock>],
    ) -> Result<()> {
        let Whole { head, lists, index, parts } = self.read_checkpoint(&anchor.checkpoint).await?;
        let checkpoint = Checkpoint::decode_body(&head, &lists).map_err(bad)?;
        self.check_lists(&checkpoint)?;
        // Its bytes are those that were written: the hash of the checkpoint says so.
        self.journal
            .restore(&checkpoint.catalog)
            .map_err(|source| StoreError::Unreadable { disk: "the catalog".to_owned(), source })?;
        self.index = index;
        self.adopt_segments(&checkpoint, superblock.generation);
        let anchor = Anchor { parts, ..anchor.clone() };
        self.claim(&anchor);
        let before = anchor_of(copies, superblock.generation.saturating_sub(1));
        let before = match before {
            // Who does not write needs not know what may not be overwritten.
            Some((before, _)) if !self.read_only => self.whole_anchor(before).await,
            _ => None,
        };
        before.iter().for_each(|before| self.claim(before));
        let strays = match self.read_only {
            true => Vec::new(),
            false => self.claim_strays(superblock.generation, copies).await,
        };
        let live = anchor.slots().chain(before.iter().flat_map(Anchor::slots)).count();
        self.checkpoint_slots.store(live as u32, Ordering::Relaxed);
        self.catalog_bytes.store(checkpoint.catalog.len(), Ordering::Relaxed);
        let log = self.log.get_mut();
        log.epoch = superblock.epoch;
        log.anchor = anchor;
        log.before = before;
        log.strays = strays;
        Ok(())
    }

    /// Takes the slots of what the superblock of a disk refers to that has no copy of this
    /// generation's: it may become the only disk before it has one. Gives the slots with the
    /// numbers of their disks.
    async fn claim_strays(&self, generation: u64, copies: &[Vec<Superblock>]) -> Vec<(usize, u32)> {
        let mut strays = Vec::new();
        for ((number, member), own) in
            self.members.present().zip(copies.iter().filter(|own| !own.is_empty()))
        {
            let Some(newest) = own.first().filter(|newest| newest.generation < generation) else {
                continue;
            };
            let Some((anchor, _)) = anchor_of(copies, newest.generation) else { continue };
            let slots = match self.whole_anchor(anchor.clone()).await {
                Some(anchor) => anchor.slots().copied().collect(),
                None => vec![anchor.checkpoint.slots],
            };
            let own = slots.iter().filter_map(|slots| slots.get(number).copied());
            strays.extend(
                own.filter(|slot| lock(&member.free).claim(*slot)).map(|slot| (number, slot)),
            );
        }
        strays
    }

    /// An anchor with the slots of all parts, if they can be known.
    async fn whole_anchor(&self, anchor: Anchor) -> Option<Anchor> {
        let parts = self.list_parts(&anchor.checkpoint).await.ok()?;
        let parts = parts.iter().map(|part| part.slots).collect();
        Some(Anchor { parts, ..anchor })
    }

    /// Refuses a checkpoint that no store could have written.
    fn check_lists(&self, checkpoint: &Checkpoint<'_>) -> Result<()> {
        let damaged = StoreError::DamagedStructure { structure: "checkpoint" };
        for group in &checkpoint.groups {
            let (end, room) = (group.header.body_end, self.geometry.segment_bytes());
            check_entries(&group.entries, end, room)?;
        }
        let numbers = checkpoint.segments.iter().map(|row| row.info.segment);
        let highest = numbers.chain([checkpoint.next_segment]).map(|segment| segment.0).max();
        if highest > Some(u64::from(u32::MAX)) { Err(damaged) } else { Ok(()) }
    }

    fn claim(&self, anchor: &Anchor) {
        anchor.slots().for_each(|slots| self.members.claim_slots(slots));
    }

    fn adopt_segments(&mut self, checkpoint: &Checkpoint<'_>, generation: u64) {
        self.next_segment.store(checkpoint.next_segment.0, Ordering::Release);
        let mut unsealed: HashMap<SegmentId, (Vec<Entry>, u32)> = HashMap::new();
        for group in &checkpoint.groups {
            unsealed.insert(group.header.segment, (group.entries.clone(), group.header.body_end));
        }
        let mut segments = lock(&self.segments);
        for row in &checkpoint.segments {
            let state = if row.state == SEGMENT_SEALED || row.state == SEGMENT_RETIRED {
                State::Sealed { records: row.records, body_end: row.body_end, trailer: row.trailer }
            } else {
                let (entries, body_end) = unsealed.remove(&row.info.segment).unwrap_or_default();
                State::Unsealed { entries: Arc::new(entries), body_end }
            };
            self.members.claim_slots(&row.slots);
            let place = SegmentPlace { info: row.info, slots: row.slots };
            let segment = Segment { place, state };
            match row.state {
                SEGMENT_RETIRED => self.adopt_retired(segment, row, generation),
                _ => segments.insert(segment),
            }
        }
    }

    /// Reads a whole checkpoint from whichever disk has each of its parts intact.
    async fn read_checkpoint(&self, place: &CheckpointRef) -> Result<Whole> {
        let first = self.read_part(place).await?;
        let (head, parts, start) = decode_first_part(first.bytes(), self.pool_id).map_err(bad)?;
        if parts.len() > self.geometry.segment_slots() as usize {
            return Err(StoreError::DamagedStructure { structure: "checkpoint" });
        }
        let rest = parts.iter().map(|part| part.bytes as usize).sum::<usize>();
        let mut sections = Sections::new(&head, start.len() + rest)?;
        sections.push(start)?;
        let rest = parts.iter().map(|part| async move {
            let part = CheckpointRef { slots: part.slots, bytes: part.bytes, hash: part.hash };
            self.read_part(&part).await
        });
        let mut rest = stream::iter(rest).buffered(PARTS_IN_FLIGHT);
        while let Some(part) = rest.try_next().await? {
            sections.push(part.bytes())?;
        }
        let Sections { loading, lists, .. } = sections;
        let index = loading.finish().ok_or(DAMAGED_INDEX)?;
        let parts = parts.iter().map(|part| part.slots).collect();
        Ok(Whole { head: CheckpointHead { index_bytes: 0, ..head }, lists, index, parts })
    }

    /// The parts of a checkpoint after the first.
    pub(crate) async fn list_parts(&self, place: &CheckpointRef) -> Result<Vec<PartPlace>> {
        let first = self.read_part(place).await?;
        let (_, parts, _) = decode_first_part(first.bytes(), self.pool_id).map_err(bad)?;
        Ok(parts)
    }

    async fn read_part(&self, place: &CheckpointRef) -> Result<Part> {
        for (number, _) in self.members.readers() {
            if let Some(part) = self.read_part_copy(place, number).await {
                return Ok(part);
            }
        }
        Err(StoreError::DamagedStructure { structure: "checkpoint" })
    }

    /// One copy of a part, if it is intact.
    pub(crate) async fn read_part_copy(
        &self,
        place: &CheckpointRef,
        number: usize,
    ) -> Option<Part> {
        let member = self.members.get(number)?;
        let slot = *place.slots.get(number)?;
        let in_range =
            slot < member.geometry.segment_slots() && place.bytes <= self.geometry.segment_bytes();
        if !in_range {
            return None;
        }
        let offset = member.geometry.slot_offset(slot);
        let length = place.bytes as usize;
        let buffer = member.read(offset, length).await.ok()?.freeze();
        let part = Part { buffer, bytes: length };
        (blake3::hash(part.bytes()).as_bytes() == &place.hash).then_some(part)
    }
}

const DAMAGED_INDEX: StoreError = StoreError::DamagedStructure { structure: "index" };

impl Sections {
    /// Of a checkpoint whose body has so many bytes. The catalog ends where the body does, the
    /// index where the catalog begins.
    fn new(head: &CheckpointHead, body: usize) -> Result<Self> {
        let before = |end: usize, length: u64| end.checked_sub(usize::try_from(length).ok()?);
        let end = before(body, head.catalog_bytes).ok_or(DAMAGED_INDEX)?;
        let start = before(end, head.index_bytes).ok_or(DAMAGED_INDEX)?;
        let loading = Loading::new(end - start);
        Ok(Self { at: 0, index: start..end, loading, lists: Vec::new() })
    }

    fn push(&mut self, piece: &[u8]) -> Result<()> {
        let cut = |at: usize| at.saturating_sub(self.at).min(piece.len());
        let (start, end) = (cut(self.index.start), cut(self.index.end));
        self.lists.extend_from_slice(piece.get(..start).unwrap_or_default());
        let index = piece.get(start..end).unwrap_or_default();
        self.loading.push(index).ok_or(DAMAGED_INDEX)?;
        self.lists.extend_from_slice(piece.get(end..).unwrap_or_default());
        self.at += piece.len();
        Ok(())
    }
}

fn bad(_: FormatError) -> StoreError {
    StoreError::DamagedStructure { structure: "checkpoint" }
}
