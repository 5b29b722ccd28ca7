//! Checkpoints and superblocks: writing down where recovery begins.
//!
//! The order is: parts (see `parts.rs`), flush, first part's place into one pair of superblocks,
//! flush. Only then may what the generation before last referred to be used again. Whatever is lost
//! on the way, some superblock names a whole checkpoint and the log since is whole.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use format::checkpoint::{
    Checkpoint, CheckpointHead, CheckpointPlace, SEGMENT_SEALED, SEGMENT_UNSEALED, SegmentRow,
};
use format::log::{EntryGroup, GroupHeader, NO_SLOT};
use format::segment::Entry;
use format::superblock::{Superblock, slots_of};
use model::{Epoch, SegmentId};

use crate::log::{Anchor, CheckpointRef, Log};
use crate::members::{Member, Slots, lock, padded};
use crate::parts::PartWriter;
use crate::planted::{Bug, planted};
use crate::segments::{Segment, State};
use crate::store::Inner;
use crate::{Result, StoreError};

impl Inner {
    /// Starts writing, once for each opening: a new epoch, durable before anything of it.
    pub(crate) async fn begin(self: &Arc<Self>) -> Result<()> {
        self.check_writable()?;
        if self.current_epoch() != Epoch(0) {
            return Ok(());
        }
        let mut log = self.log.lock().await;
        self.begin_locked(&mut log).await
    }

    pub(crate) async fn begin_locked(self: &Arc<Self>, log: &mut Log) -> Result<()> {
        if self.current_epoch() != Epoch(0) {
            return Ok(());
        }
        self.all_or_stop(self.finish_recovered(log)).await?;
        let epoch = if planted(Bug::StaleTail) { log.epoch } else { log.epoch.next() };
        log.epoch = epoch.max(Epoch(1));
        self.checkpoint(log, false).await?;
        self.epoch.store(log.epoch.0, Ordering::Release);
        Ok(())
    }

    /// Writes a checkpoint of everything that is durable and makes a superblock name it.
    ///
    /// # Errors
    /// `Full` and `TooLarge` when there is no room for it: nothing has changed then. After any
    /// other error the store has stopped.
    pub(crate) async fn checkpoint(&self, log: &mut Log, closed: bool) -> Result<()> {
        let anchor = self.new_anchor(log).await?;
        self.all_or_stop(self.write_superblock(log, anchor, closed)).await
    }

    /// A checkpoint of everything that is durable, which lies on the disks and which no superblock
    /// names yet.
    ///
    /// # Errors
    /// `Full` and `TooLarge` when there is no room for it: nothing has changed then. After any
    /// other error the store has stopped.
    pub(crate) async fn new_anchor(&self, log: &Log) -> Result<Anchor> {
        let mut taken = Vec::new();
        let written = self.all_or_stop(async {
            match self.write_parts(log, &mut taken).await {
                Err(error @ (StoreError::Full | StoreError::TooLarge { .. })) => Ok(Err(error)),
                result => result.map(Ok),
            }
        });
        let written = written.await?;
        if written.is_err() {
            taken.iter().for_each(|slots| self.members.give_slots(slots));
        }
        written
    }

    /// Writes a checkpoint to free slots, which `taken` gets, and makes it durable.
    async fn write_parts(&self, log: &Log, taken: &mut Vec<Slots>) -> Result<Anchor> {
        let checkpoint = self.gather();
        let lists = Checkpoint { catalog: Cow::default(), ..checkpoint.clone() }.encode_body();
        let body = lists.len() + self.index.dump_bytes() + checkpoint.catalog.len();
        let mut parts = PartWriter::new(self, taken, body)?;
        parts.push(&lists).await?;
        let mut index_bytes = 0;
        for shard in self.index.dump() {
            index_bytes += shard.len();
            parts.push(&shard).await?;
        }
        parts.push(&checkpoint.catalog).await?;
        let place = CheckpointPlace {
            pool_id: self.pool_id,
            generation: log.generation + 1,
            epoch: log.epoch,
            replay_sequence: log.next,
        };
        let head = |parts, body| CheckpointHead {
            index_bytes: index_bytes as u64,
            // Read after the index, which may name segments that were begun meanwhile.
            next_segment: SegmentId(self.next_segment.load(Ordering::Acquire)),
            ..checkpoint.head(&place, parts, body)
        };
        let (first, parts) = parts.finish(head).await?;
        self.members.flush().await?;
        Ok(Anchor {
            checkpoint: CheckpointRef { slots: first.slots, bytes: first.bytes, hash: first.hash },
            parts: parts.iter().map(|part| part.slots).collect(),
            position: log.position,
            sequence: log.next,
            previous: log.previous,
        })
    }

    /// Writes the next generation's superblock on every active disk and makes it durable; then
    /// gives back what only the generation before last referred to. To be run to its end or not
    /// at all.
    pub(crate) async fn write_superblock(
        &self,
        log: &mut Log,
        anchor: Anchor,
        closed: bool,
    ) -> Result<()> {
        // A disk that lacks segments must never name the only one that has them as missing.
        if self.members.complete().next().is_none() {
            return Err(StoreError::Stopped);
        }
        if !planted(Bug::WitnessUntold) {
            self.witnessed.tell(&self.members)?;
        }
        self.record_members(log);
        log.generation += 1;
        let pair = if planted(Bug::OneSuperblockPair) { 0 } else { log.generation };
        for slot in slots_of(pair) {
            self.members
                .write_each(|number, member| {
                    let superblock = self.superblock(log, &anchor, number, member, closed)?;
                    let block = padded(&superblock.encode(slot));
                    Some((member.geometry.superblock_offset(slot), block))
                })
                .await?;
        }
        self.members.flush().await?;
        self.members.active().for_each(|(_, member)| member.has_generation(log.generation));
        let old = log.before.replace(std::mem::replace(&mut log.anchor, anchor));
        self.release(log, old);
        Ok(())
    }

    /// Gives back the slots of a checkpoint that no superblock refers to any more.
    fn release(&self, log: &mut Log, old: Option<Anchor>) {
        for (number, slot) in std::mem::take(&mut log.strays) {
            if let Some(member) = self.members.get(number) {
                lock(&member.free).give(slot);
            }
        }
        let mut kept: Vec<Slots> = log.anchor.slots().copied().collect();
        if !planted(Bug::CheckpointReusedEarly) {
            kept.extend(log.before.iter().flat_map(Anchor::slots));
        }
        let old = [old, log.before.clone()];
        for slots in old.iter().flatten().flat_map(Anchor::slots) {
            let mut free = *slots;
            // Disk by disk: two superblocks may name the same parts and not all of their copies.
            for (number, slot) in free.iter_mut().enumerate() {
                if kept.iter().any(|kept| kept.get(number) == Some(slot)) {
                    *slot = NO_SLOT;
                }
            }
            self.members.give_slots(&free);
        }
        self.checkpoint_slots.store(kept.len() as u32, Ordering::Relaxed);
    }

    /// The superblock of the present generation for one disk.
    pub(crate) fn superblock(
        &self,
        log: &Log,
        anchor: &Anchor,
        number: usize,
        member: &Member,
        closed: bool,
    ) -> Option<Superblock> {
        let mut superblock = Superblock::new(self.pool_id, member.disk_id, &member.geometry);
        superblock.member = number as u8;
        superblock.member_count = self.members.count() as u8;
        superblock.closed = u8::from(closed || planted(Bug::AlwaysClosed));
        superblock.compat = log.compat;
        superblock.generation = log.generation;
        superblock.epoch = log.epoch;
        superblock.checkpoint_slot = *anchor.checkpoint.slots.get(number)?;
        superblock.checkpoint_bytes = anchor.checkpoint.bytes;
        superblock.checkpoint_hash = anchor.checkpoint.hash;
        superblock.replay_position = anchor.position;
        superblock.replay_sequence = anchor.sequence;
        superblock.replay_previous = anchor.previous;
        superblock.members = log.members;
        Some(superblock)
    }

    /// Everything that is durable now, but for the index, which is too large to have twice. To be
    /// called under the log's lock.
    fn gather(&self) -> Checkpoint<'static> {
        let segments = lock(&self.segments).sorted();
        let mut checkpoint =
            Checkpoint { catalog: self.journal.snapshot().into(), ..Checkpoint::default() };
        self.catalog_bytes.store(checkpoint.catalog.len(), Ordering::Relaxed);
        for segment in segments {
            let (row, entries) = row_of(&segment);
            if row.records == 0 {
                continue;
            }
            if let Some(entries) = entries {
                let header = GroupHeader {
                    segment: row.info.segment,
                    first_record: 0,
                    count: row.records,
                    body_end: row.body_end,
                    reserved: 0,
                };
                checkpoint.groups.push(EntryGroup { header, entries });
            }
            checkpoint.segments.push(row);
        }
        checkpoint.segments.extend(self.retired_rows());
        checkpoint
    }
}

/// How a segment stands in a checkpoint, with its entries if it has no footer.
fn row_of(segment: &Segment) -> (SegmentRow, Option<Vec<Entry>>) {
    let row = |state, records, body_end, trailer| SegmentRow {
        info: segment.place.info,
        slots: segment.place.slots,
        state,
        reserved: [0; 3],
        records,
        body_end,
        retired: 0,
        trailer,
    };
    let unsealed = |entries: Vec<Entry>| {
        let body_end = entries.last().map_or(0, |entry| entry.offset + entry.length);
        (row(SEGMENT_UNSEALED, entries.len() as u32, body_end, [0; 32]), Some(entries))
    };
    match &segment.state {
        State::Open(open) if planted(Bug::CheckpointUncommitted) => {
            unsealed(lock(&open.entries).clone())
        }
        State::Open(open) => unsealed(open.committed()),
        State::Unsealed { entries, .. } => unsealed(entries.to_vec()),
        State::Sealed { records, body_end, trailer } => {
            (row(SEGMENT_SEALED, *records, *body_end, *trailer), None)
        }
    }
}
