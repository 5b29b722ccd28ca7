//! Opening a pool: what is on the disks becomes a store again. Nothing is written before the
//! first write that the caller asks for.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use disk::Disk;
use format::checkpoint::{Checkpoint, SEGMENT_SEALED, decode_first_part};
use format::log::{Commit, EntryGroup, NO_SLOT, SegmentPlace};
use format::segment::Entry;
use format::superblock::{MAX_MEMBERS, MEMBER_MISSING, Superblock};
use model::{BLOCK, SegmentId, Sequence};

use crate::index::{Index, Place};
use crate::log::{Anchor, CheckpointRef, Heal};
use crate::members::{Member, Members, lock};
use crate::planted::{Bug, planted};
use crate::probe::{Assembled, Probed, assemble, probe};
use crate::recovered::check_entries;
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
        let (inner, stale) = recover(assembled, options, entropy, journal).await?;
        Ok(Opened { store: Self { inner: Arc::new(inner) }, stale })
    }
}

async fn recover(
    assembled: Assembled,
    options: OpenOptions,
    entropy: Arc<dyn Entropy>,
    journal: Arc<dyn Journal>,
) -> Result<(Inner, Vec<String>)> {
    let Assembled { members: probed, newest, mut stale } = assembled;
    let copies: Vec<Vec<Superblock>> =
        probed.iter().map(|disk| disk.as_ref().map_or(Vec::new(), |d| d.copies.clone())).collect();
    let whole = probed.iter().flatten().all(|disk| disk.whole);
    let members = probed.into_iter().map(|disk| disk.and_then(member)).collect();
    let mut inner =
        Inner::new(newest.pool_id, Members::new(members), newest.members, entropy, journal)?;
    inner.read_only = options.read_only;

    let mut last = StoreError::DamagedStructure { structure: "checkpoint" };
    for generation in [newest.generation, newest.generation.saturating_sub(1)] {
        let Some((anchor, superblock)) = anchor_of(&copies, generation) else { continue };
        match inner.load(&anchor, &superblock, &copies).await {
            Ok(()) => {
                let current = generation == newest.generation;
                let closed = current && whole && newest.closed == 1;
                stale.extend(inner.finish_opening(&newest, &copies, closed, options).await?);
                return Ok((inner, stale));
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn member(probed: Probed) -> Option<Member> {
    let newest = *probed.newest()?;
    let geometry =
        format::geometry::Geometry::new(newest.disk_bytes, newest.log_bytes, newest.segment_bytes)?;
    Some(Member::new(probed.disk, newest.disk_id, newest.generation, geometry))
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
    /// Takes over the checkpoint that a superblock refers to.
    async fn load(
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

    /// Applies the log since the checkpoint. Gives the names of disks that turned out to be
    /// stale and are not used.
    async fn finish_opening(
        &mut self,
        newest: &Superblock,
        copies: &[Vec<Superblock>],
        closed: bool,
        options: OpenOptions,
    ) -> Result<Vec<String>> {
        let log = self.log.get_mut();
        let Anchor { position, sequence, previous, .. } = log.anchor;
        let start = Start { position, sequence, previous, epoch: log.epoch };
        let run = match closed {
            true => Run::empty(start),
            false => self.read_run(start, &newest.replay_previous).await?,
        };
        let log = self.log.get_mut();
        log.generation = newest.generation;
        log.epoch = run.epoch.max(newest.epoch);
        log.members = newest.members;
        let stale = self.leave_lagging(newest, &run, copies, options.allow_missing).await?;
        let highest = run.highest;
        self.apply_run(start, run).await?;
        let log = self.log.get_mut();
        log.next = highest.max(log.durable).next();
        if planted(Bug::StaleTail) {
            log.next = log.durable.next();
        }
        log.closed = closed;
        self.note_missing();
        Ok(stale)
    }

    /// Leaves out disks that have lost writes and may lack anything: those without the newest
    /// superblock although the log went on after it, or without the log before it. Recovery sees
    /// to it that power failure alone never makes a disk look like that.
    async fn leave_lagging(
        &mut self,
        newest: &Superblock,
        run: &Run,
        copies: &[Vec<Superblock>],
        allow_missing: bool,
    ) -> Result<Vec<String>> {
        let (mut stale, mut lagging) = (Vec::new(), Vec::new());
        for (number, member) in self.members.present() {
            let own = copies.get(number).and_then(|own| own.first());
            let Some(own) = own.filter(|own| own.generation < newest.generation) else { continue };
            let start = Start::of(own);
            let went_on = run.proved >= newest.replay_sequence;
            if !went_on && self.has_log(number, start, &newest.replay_previous).await {
                lagging.push((number, start));
                continue;
            }
            if planted(Bug::LaggingAccepted) {
                continue;
            }
            let disk = member.disk.name().to_owned();
            if !allow_missing {
                return Err(StoreError::StaleDisk { disk });
            }
            member.fail();
            stale.push(disk);
        }
        self.log.get_mut().lagging = lagging;
        Ok(stale)
    }

    /// Applies records up to the first that power failure left incomplete.
    async fn apply_run(&mut self, start: Start, run: Run) -> Result<()> {
        let log = self.log.get_mut();
        (log.position, log.previous) = (start.position, start.previous);
        log.durable = Sequence(start.sequence.0.saturating_sub(1));
        let (mut heals, mut lacked) = (Vec::new(), Vec::new());
        for record in run.records {
            let proved = record.header.sequence <= run.proved || planted(Bug::TailUnverified);
            match self.apply(&record, proved).await? {
                Some(bad_copies) => heals.extend(bad_copies),
                None => break,
            }
            lacked.extend((!record.lacking.is_empty()).then_some(record.header));
            let log = self.log.get_mut();
            log.position = record.header.position + record.header.record_bytes() as u64;
            log.previous = record.header.hash;
            log.durable = record.header.sequence;
            log.unproved = record.header.sequence > run.proved;
        }
        let log = self.log.get_mut();
        (log.heals, log.lacked) = (heals, lacked);
        Ok(())
    }

    /// Applies one record. `None` when it is not proved durable and something that it names is
    /// not there: power failed before its flush, and nobody was told that it was done. Else the
    /// bad copies of what it names, if it had to be looked at. A disk without the record may be
    /// without the footers that it names, too: those are written anew.
    async fn apply(&mut self, record: &Replayed, proved: bool) -> Result<Option<Vec<Heal>>> {
        let Some(commit) = &record.commit else { return Ok(Some(Vec::new())) };
        let mut heals = Vec::new();
        if !proved || !record.lacking.is_empty() {
            match self.check_commit(commit).await {
                Some(bad_copies) => heals = bad_copies,
                // A disk that lost its log lost more; here it is damage, which reads report.
                None if proved => {}
                None => return Ok(None),
            }
        }
        for place in &commit.opened {
            if place.info.segment.0 > u64::from(u32::MAX) {
                return Err(StoreError::DamagedStructure { structure: "log" });
            }
            self.members.claim_slots(&place.slots);
            let state = State::Unsealed { entries: Arc::default(), body_end: 0 };
            lock(&self.segments).insert(Segment { place: *place, state });
            self.next_segment.fetch_max(place.info.segment.0 + 1, Ordering::AcqRel);
        }
        for group in &commit.groups {
            self.adopt_group(group)?;
        }
        for sealed in commit.sealed.iter().filter(|_| record.lacking.is_empty()) {
            self.adopt_footer(sealed.segment, sealed.trailer).await;
        }
        for event in &commit.events {
            self.journal.apply(record.header.sequence, event).map_err(|source| {
                StoreError::Unreadable { disk: "the catalog".to_owned(), source }
            })?;
        }
        Ok(Some(heals))
    }

    fn adopt_group(&self, group: &EntryGroup) -> Result<()> {
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
        check_entries(list, *body_end, self.geometry.segment_bytes())
    }

    /// Believes that a segment has its footer only if one can be read: the commit that says so
    /// may not be proved durable.
    async fn adopt_footer(&self, segment: SegmentId, trailer: [u8; 32]) {
        let Some(found) = lock(&self.segments).get(number(segment)).cloned() else { return };
        let State::Unsealed { entries, body_end } = &found.state else { return };
        let state = State::Sealed { records: entries.len() as u32, body_end: *body_end, trailer };
        let sealed = Segment { place: found.place, state };
        let read = self.entries(&sealed).await;
        if read.is_ok_and(|read| read == *entries) || planted(Bug::FooterUnverified) {
            lock(&self.segments).insert(sealed);
        }
    }

    /// Checks everything that a commit names on every disk. `None` when a record is on none of
    /// them; else the copies that are bad.
    pub(crate) async fn check_commit(&self, commit: &Commit) -> Option<Vec<Heal>> {
        let mut heals = Vec::new();
        for group in &commit.groups {
            heals.extend(self.check_group(commit, group).await?);
        }
        Some(heals)
    }

    async fn check_group(&self, commit: &Commit, group: &EntryGroup) -> Option<Vec<Heal>> {
        let id = group.header.segment;
        let opened = commit.opened.iter().find(|place| place.info.segment == id).copied();
        let known = lock(&self.segments).get(number(id)).cloned();
        let mut entries = match &known {
            Some(segment) => self.entries(segment).await.ok()?.to_vec(),
            None => Vec::new(),
        };
        let place = known.map(|segment| segment.place).or(opened)?;
        let first = group.header.first_record as usize;
        let (mut body_end, room) = (group.header.body_end, self.geometry.segment_bytes());
        if entries.len() < first + group.entries.len() {
            entries.truncate(first);
            entries.extend(&group.entries);
        } else {
            body_end = entries.last().map_or(0, |entry| entry.offset + entry.length);
        }
        check_entries(&entries, body_end, room).ok()?;
        let body_end = group.header.body_end;
        // A segment's header goes with its first records.
        let first = group.entries.first().filter(|_| first > 0);
        let start = first.map_or(0, |entry| entry.offset as usize / BLOCK * BLOCK);
        let length = (body_end as usize).next_multiple_of(BLOCK) - start;
        let state = State::Unsealed { entries: Arc::new(entries), body_end };
        let segment = Segment { place, state };
        let expected = self.canonical(&segment, start as u32, length).await.ok()?;
        let mut bad = Vec::new();
        for (member, _) in self.members.readers() {
            if !self.copy_is(&segment, start as u32, &expected, member).await {
                bad.push(Heal { segment: id, start: start as u32, length, member });
            }
        }
        Some(bad)
    }

    async fn copy_is(&self, segment: &Segment, start: u32, bytes: &[u8], number: usize) -> bool {
        let Some((member, slot)) = self.holder(segment, number) else { return true };
        let read = member.read(member.segment_offset(slot, start), bytes.len()).await;
        read.is_ok_and(|read| read[..] == *bytes)
    }

    /// Notes which disks this opening goes on without, for the next superblock to say so.
    fn note_missing(&mut self) {
        let count = self.members.count();
        let log = self.log.get_mut();
        let generation = log.generation + 1;
        for (number, row) in log.members.iter_mut().enumerate().take(count) {
            let active = self.members.get(number).is_some_and(Member::is_active);
            if !active && row.state != MEMBER_MISSING {
                row.state = MEMBER_MISSING;
                row.generation = generation;
            }
        }
    }

    /// Reads a whole checkpoint from whichever disk has each of its parts intact.
    async fn read_checkpoint(
        &self,
        place: &CheckpointRef,
    ) -> Result<(Checkpoint, Vec<crate::members::Slots>)> {
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
    ) -> Result<(format::checkpoint::CheckpointHead, Vec<format::checkpoint::PartPlace>, Vec<u8>)>
    {
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
