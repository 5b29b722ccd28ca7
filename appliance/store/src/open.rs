//! Opening a pool: what is on the disks becomes a store again. Nothing is written before the
//! first write that the caller asks for.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use disk::Disk;
use format::checkpoint::{Checkpoint, SEGMENT_SEALED, decode_first_part};
use format::log::{Commit, NO_SLOT, SegmentPlace};
use format::segment::Entry;
use format::superblock::{MEMBER_MISSING, MAX_MEMBERS, Superblock};
use model::{Digest, SegmentId, Sequence};

use crate::index::{Index, Place};
use crate::log::{Anchor, CheckpointRef, Heal};
use crate::members::{Member, Members, lock};
use crate::probe::{Assembled, Probed, assemble, probe};
use crate::replay::{Replayed, Run, Start};
use crate::segments::{Segment, State, number};
use crate::store::{Entropy, Inner, Journal, Store};
use crate::{Result, StoreError};

/// What an opening may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpenOptions {
    /// Nothing is written, not even to heal.
    pub read_only: bool,
    /// Go on without a disk that is not there. Before anything is acknowledged without it, the
    /// others record that it was left behind.
    pub allow_missing: bool,
}

/// An opened pool.
#[derive(Debug)]
pub struct Opened {
    pub store: Store,
    /// Disks that were given but may not be used, because the pool went on without them.
    pub stale: Vec<String>,
}

impl Store {
    /// Opens the pool on these disks.
    ///
    /// The journal gets the catalog of the newest checkpoint and all events since.
    pub async fn open(
        disks: Vec<Arc<dyn Disk>>,
        options: OpenOptions,
        entropy: Arc<dyn Entropy>,
        journal: Arc<dyn Journal>,
    ) -> Result<Opened> {
        let mut probed = Vec::new();
        for disk in disks {
            probed.push(probe(disk).await?);
        }
        let assembled = assemble(probed, options.allow_missing)?;
        let stale = assembled.stale.clone();
        let inner = recover(assembled, options, entropy, journal).await?;
        Ok(Opened { store: Self { inner: Arc::new(inner) }, stale })
    }
}

async fn recover(
    assembled: Assembled,
    options: OpenOptions,
    entropy: Arc<dyn Entropy>,
    journal: Arc<dyn Journal>,
) -> Result<Inner> {
    let Assembled { members: probed, newest, .. } = assembled;
    let copies: Vec<Vec<Superblock>> =
        probed.iter().map(|disk| disk.as_ref().map_or(Vec::new(), |d| d.copies.clone())).collect();
    let whole = probed.iter().flatten().all(|disk| disk.whole);
    let members = probed.into_iter().map(|disk| disk.and_then(member)).collect();
    let mut inner =
        Inner::new(newest.pool_id, Members::new(members), newest.members, entropy, journal)?;
    inner.read_only = options.read_only;

    let mut last = StoreError::DamagedStructure { structure: "checkpoint" };
    for generation in [newest.generation, newest.generation.saturating_sub(1)] {
        let (anchor, superblock) = match anchor_of(&copies, generation) {
            Some(found) => found,
            None => continue,
        };
        match inner.load(&anchor, generation, &superblock, &copies).await {
            Ok(()) => {
                let current = generation == newest.generation;
                inner.finish_opening(&newest, current && whole && newest.closed == 1).await?;
                inner.note_missing(&newest);
                return Ok(inner);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn member(probed: Probed) -> Option<Member> {
    let newest = *probed.newest()?;
    let geometry = format::geometry::Geometry::new(
        newest.disk_bytes,
        newest.log_bytes,
        newest.segment_bytes,
    )?;
    Some(Member::new(probed.disk, newest.disk_id, geometry))
}

/// What the superblocks of a generation refer to: each disk's own slot.
fn anchor_of(copies: &[Vec<Superblock>], generation: u64) -> Option<(Anchor, Superblock)> {
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
    /// Takes over the checkpoint that a generation refers to.
    async fn load(
        &mut self,
        anchor: &Anchor,
        generation: u64,
        superblock: &Superblock,
        copies: &[Vec<Superblock>],
    ) -> Result<()> {
        let damaged = |_| StoreError::DamagedStructure { structure: "checkpoint" };
        let (checkpoint, parts) = self.read_checkpoint(&anchor.checkpoint).await?;
        let index = Index::load(&checkpoint.index);
        self.index = index.ok_or(StoreError::DamagedStructure { structure: "index" })?;
        self.journal.restore(&checkpoint.catalog).map_err(damaged)?;
        self.adopt_segments(&checkpoint);
        let anchor = Anchor { parts, ..anchor.clone() };
        self.claim(&anchor);
        let before = anchor_of(copies, generation.saturating_sub(1)).map(|(before, _)| before);
        let before = match before {
            Some(before) => match self.read_first_part(&before.checkpoint).await {
                Ok((_, parts, _)) => {
                    let parts = parts.iter().map(|part| part.slots).collect();
                    let before = Anchor { parts, ..before };
                    self.claim(&before);
                    Some(before)
                }
                Err(_) => None,
            },
            None => None,
        };
        let log = self.log.get_mut();
        log.generation = generation;
        log.epoch = superblock.epoch;
        log.anchor = anchor;
        log.before = before;
        Ok(())
    }

    fn claim(&self, anchor: &Anchor) {
        self.members.claim_slots(&anchor.checkpoint.slots);
        anchor.parts.iter().for_each(|slots| self.members.claim_slots(slots));
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
                State::Sealed {
                    records: row.records,
                    body_end: row.body_end,
                    trailer: row.trailer,
                }
            } else {
                let (entries, body_end) =
                    unsealed.remove(&row.info.segment).unwrap_or_default();
                State::Unsealed { entries: Arc::new(entries), body_end }
            };
            self.members.claim_slots(&row.slots);
            let place = SegmentPlace { info: row.info, slots: row.slots };
            segments.insert(Segment { place, state });
        }
    }

    /// Applies the log since the checkpoint.
    async fn finish_opening(&mut self, newest: &Superblock, closed: bool) -> Result<()> {
        let log = self.log.get_mut();
        let start = Start {
            position: log.anchor.position,
            sequence: log.anchor.sequence,
            previous: log.anchor.previous,
            epoch: log.epoch,
        };
        let run = match closed {
            true => Run {
                records: Vec::new(),
                proved: Sequence(start.sequence.0.saturating_sub(1)),
                highest: Sequence(start.sequence.0.saturating_sub(1)),
                epoch: start.epoch,
                position: start.position,
                previous: start.previous,
            },
            false => self.read_run(start).await?,
        };
        let Run { records, proved, highest, epoch, .. } = run;
        let (mut position, mut previous) = (start.position, start.previous);
        let mut durable = Sequence(start.sequence.0.saturating_sub(1));
        let mut heals = Vec::new();
        for record in records {
            let proved = record.header.sequence <= proved;
            match self.apply(&record, proved).await? {
                Some(bad_copies) => heals.extend(bad_copies),
                None => break,
            }
            position = record.header.position + record.header.record_bytes() as u64;
            previous = record.header.hash;
            durable = record.header.sequence;
        }
        let log = self.log.get_mut();
        log.generation = newest.generation;
        log.epoch = epoch.max(newest.epoch);
        log.position = position;
        log.previous = previous;
        log.next = highest.max(durable).next();
        log.durable = durable;
        log.closed = closed;
        log.heals = heals;
        Ok(())
    }

    /// Applies one record. `None` when it is not proved durable and something that it names is
    /// not there: power failed before its flush, and nobody was told that it was done.
    async fn apply(&mut self, record: &Replayed, proved: bool) -> Result<Option<Vec<Heal>>> {
        let Some(commit) = &record.commit else { return Ok(Some(Vec::new())) };
        let mut heals = Vec::new();
        if !proved {
            match self.check_commit(commit).await {
                Some(bad_copies) => heals = bad_copies,
                None => return Ok(None),
            }
        }
        for place in &commit.opened {
            self.members.claim_slots(&place.slots);
            let state = State::Unsealed { entries: Arc::default(), body_end: 0 };
            lock(&self.segments).insert(Segment { place: *place, state });
            self.next_segment.fetch_max(place.info.segment.0 + 1, Ordering::AcqRel);
        }
        for group in &commit.groups {
            self.adopt_group(group)?;
        }
        for sealed in &commit.sealed {
            self.adopt_footer(sealed.segment, sealed.trailer).await;
        }
        for event in &commit.events {
            self.journal.apply(record.header.sequence, event).map_err(|source| {
                StoreError::Unreadable { disk: "the catalog".to_owned(), source }
            })?;
        }
        Ok(Some(heals))
    }

    fn adopt_group(&self, group: &format::log::EntryGroup) -> Result<()> {
        let damaged = StoreError::DamagedStructure { structure: "log" };
        let mut segments = lock(&self.segments);
        let segment = segments.get_mut(group.header.segment).ok_or(damaged.clone())?;
        // A segment that the checkpoint knows with its footer has these records already.
        let State::Unsealed { entries, body_end } = &mut segment.state else { return Ok(()) };
        let known = entries.len() as u32;
        if known > group.header.first_record {
            return Ok(());
        }
        if known < group.header.first_record {
            return Err(damaged);
        }
        let list = Arc::make_mut(entries);
        for (record, entry) in (known..).zip(&group.entries) {
            let segment = number(group.header.segment);
            self.index.insert(&entry.digest, Place { segment, record: record as u16 });
            list.push(*entry);
        }
        *body_end = group.header.body_end;
        Ok(())
    }

    /// Believes that a segment has its footer only if one can be read: the commit that says so
    /// may not be proved durable.
    async fn adopt_footer(&self, segment: SegmentId, trailer: [u8; 32]) {
        let Some(found) = lock(&self.segments).get(number(segment)).cloned() else { return };
        let State::Unsealed { entries, body_end } = &found.state else { return };
        let state =
            State::Sealed { records: entries.len() as u32, body_end: *body_end, trailer };
        let sealed = Segment { place: found.place, state };
        let read = self.entries(&sealed).await;
        if read.is_ok_and(|read| read == *entries) {
            lock(&self.segments).insert(sealed);
        }
    }

    /// Checks every record that a commit names on every disk. `None` when one is on none of them;
    /// else the copies that are bad.
    async fn check_commit(&self, commit: &Commit) -> Option<Vec<Heal>> {
        let mut heals = Vec::new();
        for group in &commit.groups {
            let id = group.header.segment;
            let opened = commit.opened.iter().find(|place| place.info.segment == id).copied();
            let known = lock(&self.segments).get(number(id)).map(|segment| segment.place);
            let place = opened.or(known)?;
            let state = State::Unsealed { entries: Arc::default(), body_end: 0 };
            let segment = Segment { place, state };
            for (record, entry) in (group.header.first_record..).zip(&group.entries) {
                let place = Place { segment: number(id), record: record as u16 };
                heals.extend(self.check_copies(&segment, place, entry).await?);
            }
        }
        Some(heals)
    }

    async fn check_copies(
        &self,
        segment: &Segment,
        place: Place,
        entry: &Entry,
    ) -> Option<Vec<Heal>> {
        let mut bad = Vec::new();
        let mut good = 0;
        for (member, _) in self.members.active() {
            match self.read_checked(segment, place, entry, member).await {
                Ok(_) => good += 1,
                Err(_) => bad.push(heal(place, entry.digest, member)),
            }
        }
        (good > 0).then_some(bad)
    }

    /// Notes which disks this opening goes on without, for the next superblock to say so.
    fn note_missing(&mut self, newest: &Superblock) {
        let mut rows = newest.members;
        let generation = newest.generation + 1;
        for (number, row) in rows.iter_mut().enumerate().take(newest.member_list().len()) {
            if self.members.get(number).is_none() && row.state != MEMBER_MISSING {
                row.state = MEMBER_MISSING;
                row.generation = generation;
            }
        }
        self.log.get_mut().members = rows;
    }

    /// Reads a whole checkpoint from whichever disk has each of its parts intact.
    async fn read_checkpoint(
        &self,
        place: &CheckpointRef,
    ) -> Result<(Checkpoint, Vec<crate::members::Slots>)> {
        let (head, parts, mut body) = self.read_first_part(place).await?;
        for part in &parts {
            let part = CheckpointRef { slots: part.slots, bytes: part.bytes, hash: part.hash };
            body.extend_from_slice(&self.read_part(&part).await?);
        }
        let checkpoint = Checkpoint::decode_body(&head, &body)
            .map_err(|_| StoreError::DamagedStructure { structure: "checkpoint" })?;
        Ok((checkpoint, parts.iter().map(|part| part.slots).collect()))
    }

    async fn read_first_part(
        &self,
        place: &CheckpointRef,
    ) -> Result<(
        format::checkpoint::CheckpointHead,
        Vec<format::checkpoint::PartPlace>,
        Vec<u8>,
    )> {
        let bytes = self.read_part(place).await?;
        let (head, parts, body) = decode_first_part(&bytes, self.pool_id)
            .map_err(|_| StoreError::DamagedStructure { structure: "checkpoint" })?;
        Ok((head, parts, body.to_vec()))
    }

    pub(crate) async fn read_part(&self, place: &CheckpointRef) -> Result<Vec<u8>> {
        for (number, _) in self.members.active() {
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
        let in_range = slot < member.geometry.segment_slots()
            && place.bytes <= self.geometry.segment_bytes();
        if !in_range {
            return None;
        }
        let offset = member.geometry.slot_offset(slot);
        let buffer = member.read(offset, place.bytes as usize).await.ok()?;
        let bytes = buffer.get(..place.bytes as usize)?;
        (blake3::hash(bytes).as_bytes() == &place.hash).then(|| bytes.to_vec())
    }
}

fn heal(place: Place, digest: Digest, member: usize) -> Heal {
    Heal { place, digest, member }
}
