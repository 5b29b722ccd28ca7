//! Taking over a checkpoint: which one the superblocks name, and what is in it.

use std::collections::HashMap;
use std::iter;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use disk::Buffer;
use format::FormatError;
use format::checkpoint::{
    Checkpoint, CheckpointHead, PartPlace, SEGMENT_RETIRED, SEGMENT_SEALED, decode_first_part,
};
use format::log::{NO_SLOT, SegmentPlace};
use format::segment::Entry;
use format::superblock::{MAX_MEMBERS, Superblock};
use futures_util::{StreamExt, TryStreamExt, stream};
use model::{BLOCK, SegmentId};

use crate::index::{Index, Part};
use crate::log::{Anchor, CheckpointRef};
use crate::members::{Slots, lock};
use crate::recovered::check_entries;
use crate::segments::{Segment, State};
use crate::store::Inner;
use crate::{Result, StoreError};

/// Parts of a checkpoint that are read at once: the next come while one is hashed. Each is up to
/// a segment long.
const PARTS_IN_FLIGHT: usize = 3;

/// A checkpoint as it was read.
struct Whole {
    head: CheckpointHead,
    /// All of its sections.
    body: Part,
    /// Where its parts after the first lie.
    parts: Vec<Slots>,
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
        let Whole { head, body, parts } = self.read_checkpoint(&anchor.checkpoint).await?;
        let checkpoint = Checkpoint::decode_body(&head, body.bytes()).map_err(bad)?;
        let index_end = body.range.end - checkpoint.catalog.len();
        let range = index_end - checkpoint.index.len()..index_end;
        let index = Index::load(Part { buffer: body.buffer.clone(), range });
        let index = index.ok_or(StoreError::DamagedStructure { structure: "index" })?;
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
        if parts.is_empty() {
            // The usual case: nothing to put together, so nothing to copy.
            let range = first.range.end - start.len()..first.range.end;
            let body = Part { buffer: first.buffer.clone(), range };
            return Ok(Whole { head, body, parts: Vec::new() });
        }
        if parts.len() > self.geometry.segment_slots() as usize {
            return Err(StoreError::DamagedStructure { structure: "checkpoint" });
        }
        let rest = parts.iter().map(|part| async move {
            let part = CheckpointRef { slots: part.slots, bytes: part.bytes, hash: part.hash };
            self.read_part(&part).await
        });
        let rest: Vec<Part> = stream::iter(rest).buffered(PARTS_IN_FLIGHT).try_collect().await?;
        let body = joined(start, &rest);
        Ok(Whole { head, body, parts: parts.iter().map(|part| part.slots).collect() })
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
        let part = Part { buffer, range: 0..length };
        (blake3::hash(part.bytes()).as_bytes() == &place.hash).then_some(part)
    }
}

/// The sections of a checkpoint in one piece.
fn joined(start: &[u8], rest: &[Part]) -> Part {
    let length = start.len() + rest.iter().map(|part| part.range.len()).sum::<usize>();
    let mut buffer = Buffer::zeroed(length.next_multiple_of(BLOCK).max(BLOCK));
    let mut at = 0;
    for bytes in iter::once(start).chain(rest.iter().map(Part::bytes)) {
        if let Some(room) = buffer.get_mut(at..at + bytes.len()) {
            room.copy_from_slice(bytes);
        }
        at += bytes.len();
    }
    Part { buffer: buffer.freeze(), range: 0..length }
}

fn bad(_: FormatError) -> StoreError {
    StoreError::DamagedStructure { structure: "checkpoint" }
}
