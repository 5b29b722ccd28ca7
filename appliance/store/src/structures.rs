//! The part of a scrub that is not segments: superblocks, wrapped keys, checkpoints, log.
//!
//! A bad copy is written anew from a good one, byte for byte. Where there is no good one, what it
//! said is in memory: two more generations, after which nothing refers to what is damaged.

use std::sync::atomic::Ordering;

use disk::Buffer;
use format::geometry::{LOG_COPIES, SUPERBLOCK_SLOTS};
use format::log::LogHeader;
use format::superblock::{Superblock, slots_of};
use model::BLOCK;

use crate::Result;
use crate::log::{Anchor, CheckpointRef, Log};
use crate::members::{Member, padded};
use crate::replay::{Run, Start};
use crate::scrub::Scrubbed;
use crate::store::{Inner, Store};

/// Copies that were found bad.
#[derive(Debug, Default)]
pub(crate) struct Found {
    bytes_read: u64,
    bad: u64,
    /// Of those, the ones that no other copy could heal.
    hopeless: u64,
}

impl Store {
    /// Looks at superblocks, wrapped keys, checkpoints and the log since the last but one on
    /// every disk, and writes anew what is damaged there.
    pub async fn scrub_structures(&self) -> Result<Scrubbed> {
        let inner = &self.inner;
        let mut log = inner.log.lock().await;
        let mut found = Found { bad: inner.heal_keys().await?, ..Found::default() };
        inner.scrub_superblocks(&log, &mut found).await;
        for anchor in [Some(&log.anchor), log.before.as_ref()].into_iter().flatten() {
            inner.scrub_checkpoint(anchor, &mut found).await;
        }
        inner.scrub_log(&log, &mut found).await;
        if found.hopeless > 0 && !inner.read_only {
            inner.check_writable()?;
            inner.begin_locked(&mut log).await?;
            inner.checkpoint(&mut log, false).await?;
            inner.checkpoint(&mut log, false).await?;
        }
        if inner.read_only {
            return Ok(Scrubbed {
                bytes_read: found.bytes_read,
                damaged: found.bad,
                ..Scrubbed::default()
            });
        }
        inner.healed.fetch_add(found.bad, Ordering::Relaxed);
        Ok(Scrubbed { bytes_read: found.bytes_read, ..Scrubbed::default() })
    }
}

impl Inner {
    /// Each disk has the newest two generations, each in both of its slots.
    async fn scrub_superblocks(&self, log: &Log, found: &mut Found) {
        found.bytes_read +=
            self.members.active().count() as u64 * u64::from(SUPERBLOCK_SLOTS) * BLOCK as u64;
        let generations = [(log.generation, Some(&log.anchor))];
        let before = (log.generation.saturating_sub(1), log.before.as_ref());
        for (number, member) in self.members.active() {
            // A read-only opening does not know what the generation before refers to.
            let before = (!self.read_only).then_some(before);
            for (generation, anchor) in generations.into_iter().chain(before) {
                let slots = slots_of(generation);
                let mut copies = Vec::new();
                for slot in slots {
                    let copy = self.superblock_copy(member, slot).await;
                    copies.push(copy.filter(|copy| {
                        copy.generation == generation
                            && copy.disk_id == member.disk_id
                            && anchor.is_some_and(|anchor| refers(copy, anchor, number))
                    }));
                }
                let good = copies.iter().flatten().next().copied();
                let bad = slots.into_iter().zip(&copies).filter(|(_, copy)| copy.is_none());
                for (slot, _) in bad {
                    let healed = good.map(|good| padded(&good.encode(slot)));
                    let offset = member.geometry.superblock_offset(slot);
                    self.heal_copy(member, offset, healed, found).await;
                }
            }
        }
    }

    async fn superblock_copy(&self, member: &Member, slot: u8) -> Option<Superblock> {
        let block = member.read(member.geometry.superblock_offset(slot), BLOCK).await.ok()?;
        Superblock::decode(&block, slot).ok()
    }

    async fn scrub_checkpoint(&self, anchor: &Anchor, found: &mut Found) {
        self.scrub_part(&anchor.checkpoint, found).await;
        let Ok(parts) = self.list_parts(&anchor.checkpoint).await else { return };
        for part in parts {
            let part = CheckpointRef { slots: part.slots, bytes: part.bytes, hash: part.hash };
            self.scrub_part(&part, found).await;
        }
    }

    async fn scrub_part(&self, part: &CheckpointRef, found: &mut Found) {
        let mut good = None;
        let mut bad = Vec::new();
        for (number, member) in self.members.active() {
            let Some(slot) = part.slots.get(number).copied() else { continue };
            if slot >= member.geometry.segment_slots() {
                continue;
            }
            found.bytes_read += u64::from(part.bytes);
            match self.read_part_copy(part, number).await {
                Some(part) => good = Some(part),
                None => bad.push((member, slot)),
            }
        }
        for (member, slot) in bad {
            let healed = good.as_ref().map(|part| padded(part.bytes()));
            self.heal_copy(member, member.geometry.slot_offset(slot), healed, found).await;
        }
    }

    /// Each record since the older of the two checkpoints, in both rings of every disk.
    async fn scrub_log(&self, log: &Log, found: &mut Found) {
        let from = log.before.as_ref().unwrap_or(&log.anchor);
        let (position, sequence, previous) = (from.position, from.sequence, from.previous);
        let start = Start { position, sequence, previous, epoch: model::Epoch(0) };
        let mut run = Run::empty(start);
        while run.position < log.position {
            let Some(record) = self.next_record(&run, None).await else {
                found.bad += 1;
                found.hopeless += 1;
                return;
            };
            self.scrub_record(&record.header, found).await;
            run.pass(&record.header);
        }
    }

    /// Looks at all copies of a log record, of which one is whole.
    pub(crate) async fn scrub_record(&self, header: &LogHeader, found: &mut Found) {
        let (position, length) = (header.position, header.record_bytes() as u64);
        let mut good: Option<Buffer> = None;
        let mut bad = Vec::new();
        for (_, member) in self.members.active() {
            for copy in 0..LOG_COPIES {
                found.bytes_read += length;
                let read = self.read_record(member, copy, position).await;
                if read.is_none_or(|(read, _)| read.hash != header.hash) {
                    bad.push((member, copy));
                } else if good.is_none() {
                    good = self.read_ring(member, copy, position, length).await.ok();
                }
            }
        }
        for (member, copy) in bad {
            let offset = member.geometry.log_offset(copy) + position % self.geometry.log_bytes();
            let healed = good.as_deref().map(padded);
            self.heal_copy(member, offset, healed, found).await;
        }
    }

    /// Writes a bad copy anew, if there is something to write and this opening may write.
    async fn heal_copy(
        &self,
        member: &Member,
        offset: u64,
        healed: Option<disk::SharedBuffer>,
        found: &mut Found,
    ) {
        found.bad += 1;
        let healed = match healed {
            Some(_) if self.read_only => true,
            Some(bytes) => member.rewrite(offset, bytes).await.is_ok(),
            None => false,
        };
        found.hopeless += u64::from(!healed);
    }
}

/// Whether a superblock of disk `number` names this checkpoint.
fn refers(superblock: &Superblock, anchor: &Anchor, number: usize) -> bool {
    superblock.checkpoint_hash == anchor.checkpoint.hash
        && Some(&superblock.checkpoint_slot) == anchor.checkpoint.slots.get(number)
}
