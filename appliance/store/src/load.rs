//! Taking over a checkpoint: which one the superblocks name, and what is in it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use format::checkpoint::{
    Checkpoint, CheckpointHead, PartPlace, SEGMENT_SEALED, decode_first_part,
};
use format::log::{NO_SLOT, SegmentPlace};
use format::segment::Entry;
use format::superblock::{MAX_MEMBERS, Superblock};
use model::SegmentId;

use crate::index::Index;
use crate::log::{Anchor, CheckpointRef};
use crate::members::{Slots, lock};
use crate::recovered::check_entries;
use crate::segments::{Segment, State};
use crate::store::Inner;
use crate::{Result, StoreError};

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
        let damaged = |_| StoreError::DamagedStructure { structure: "checkpoint" };
        let (checkpoint, parts) = self.read_checkpoint(&anchor.checkpoint).await?;
        let index = Index::load(&checkpoint.index);
        let index = index.ok_or(StoreError::DamagedStructure { structure: "index" })?;
        self.check_lists(&checkpoint)?;
        self.journal.restore(&checkpoint.catalog).map_err(damaged)?;
        self.index = index;
        self.adopt_segments(&checkpoint);
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
        let (_, parts, _) = self.read_first_part(&anchor.checkpoint).await.ok()?;
        let parts = parts.iter().map(|part| part.slots).collect();
        Some(Anchor { parts, ..anchor })
    }

    /// Refuses a checkpoint that no store could have written.
    fn check_lists(&self, checkpoint: &Checkpoint) -> Result<()> {
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

    fn adopt_segments(&mut self, checkpoint: &Checkpoint) {
        self.next_segment.store(checkpoint.next_segment.0, Ordering::Release);
        let mut unsealed: HashMap<SegmentId, (Vec<Entry>, u32)> = HashMap::new();
        for group in &checkpoint.groups {
            unsealed.insert(group.header.segment, (group.entries.clone(), group.header.body_end));
        }
        let mut segments = lock(&self.segments);
        for row in &checkpoint.segments {
            let state = if row.state == SEGMENT_SEALED {
                State::Sealed { records: row.records, body_end: row.body_end, trailer: row.trailer }
            } else {
                let (entries, body_end) = unsealed.remove(&row.info.segment).unwrap_or_default();
                State::Unsealed { entries: Arc::new(entries), body_end }
            };
            self.members.claim_slots(&row.slots);
            let place = SegmentPlace { info: row.info, slots: row.slots };
            segments.insert(Segment { place, state });
        }
    }

    /// Reads a whole checkpoint from whichever disk has each of its parts intact.
    async fn read_checkpoint(&self, place: &CheckpointRef) -> Result<(Checkpoint, Vec<Slots>)> {
        let damaged = |_| StoreError::DamagedStructure { structure: "checkpoint" };
        let bytes = self.read_part(place).await?;
        let (head, parts, first) = decode_first_part(&bytes, self.pool_id).map_err(damaged)?;
        if parts.is_empty() {
            // The usual case: nothing to put together, so nothing to copy.
            let checkpoint = Checkpoint::decode_body(&head, first).map_err(damaged)?;
            return Ok((checkpoint, Vec::new()));
        }
        let mut body = first.to_vec();
        if parts.len() > self.geometry.segment_slots() as usize {
            return Err(StoreError::DamagedStructure { structure: "checkpoint" });
        }
        for part in &parts {
            let part = CheckpointRef { slots: part.slots, bytes: part.bytes, hash: part.hash };
            body.extend_from_slice(&self.read_part(&part).await?);
        }
        let checkpoint = Checkpoint::decode_body(&head, &body)
            .map_err(|_| StoreError::DamagedStructure { structure: "checkpoint" })?;
        Ok((checkpoint, parts.iter().map(|part| part.slots).collect()))
    }

    pub(crate) async fn read_first_part(
        &self,
        place: &CheckpointRef,
    ) -> Result<(CheckpointHead, Vec<PartPlace>, Vec<u8>)> {
        let bytes = self.read_part(place).await?;
        let (head, parts, body) = decode_first_part(&bytes, self.pool_id)
            .map_err(|_| StoreError::DamagedStructure { structure: "checkpoint" })?;
        Ok((head, parts, body.to_vec()))
    }

    async fn read_part(&self, place: &CheckpointRef) -> Result<Vec<u8>> {
        for (number, _) in self.members.readers() {
            if let Some(bytes) = self.read_part_copy(place, number).await {
                return Ok(bytes);
            }
        }
        Err(StoreError::DamagedStructure { structure: "checkpoint" })
    }

    /// One copy of a part, if it is intact.
    pub(crate) async fn read_part_copy(
        &self,
        place: &CheckpointRef,
        number: usize,
    ) -> Option<Vec<u8>> {
        let member = self.members.get(number)?;
        let slot = *place.slots.get(number)?;
        let in_range =
            slot < member.geometry.segment_slots() && place.bytes <= self.geometry.segment_bytes();
        if !in_range {
            return None;
        }
        let offset = member.geometry.slot_offset(slot);
        let buffer = member.read(offset, place.bytes as usize).await.ok()?;
        let bytes = buffer.get(..place.bytes as usize)?;
        (blake3::hash(bytes).as_bytes() == &place.hash).then(|| bytes.to_vec())
    }
}
