//! Applying the log: what its commits say becomes part of the store, as far as it is there.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use disk::Buffer;
use format::log::{Commit, CopiedSegment, EntryGroup, NO_SLOT, SealedSegment};
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use model::{BLOCK, SegmentId, Sequence};

use crate::index::Place;
use crate::log::Heal;
use crate::members::lock;
use crate::planted::{Bug, planted};
use crate::recovered::check_entries;
use crate::replay::{Replayed, Run, Start};
use crate::segments::{Segment, State, number};
use crate::store::Inner;
use crate::{Result, StoreError};

/// Footers that are read at once: after a kill there may be a thousand of them all over the disk,
/// which disks read faster together.
const FOOTERS_IN_FLIGHT: usize = 16;

impl Inner {
    /// Applies records up to the first that power failure left incomplete.
    pub(crate) async fn apply_run(&mut self, start: Start, run: Run) -> Result<()> {
        let log = self.log.get_mut();
        (log.position, log.previous) = (start.position, start.previous);
        log.durable = Sequence(start.sequence.0.saturating_sub(1));
        let (mut heals, mut lacked, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        for record in run.records {
            let proved = record.header.sequence <= run.proved || planted(Bug::TailUnverified);
            match self.apply(&record, proved).await? {
                Some(bad_copies) => heals.extend(bad_copies),
                None => break,
            }
            let commit = record.commit.iter();
            gone.extend(commit.flat_map(|c| &c.retired).map(|retired| number(retired.segment)));
            lacked.extend((!record.lacking.is_empty()).then_some(record.header));
            let log = self.log.get_mut();
            log.position = record.header.position + record.header.record_bytes() as u64;
            log.previous = record.header.hash;
            log.durable = record.header.sequence;
            log.unproved = record.header.sequence > run.proved;
        }
        let log = self.log.get_mut();
        (log.heals, log.lacked) = (heals, lacked);
        if !gone.is_empty() {
            self.forget_retired(gone.into_iter());
        }
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
                None => {
                    self.check_held(commit)?;
                    return Ok(None);
                }
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
        let sealed = commit.sealed.iter().filter(|_| record.lacking.is_empty());
        let adopt =
            |sealed: &SealedSegment| self.adopt_footer(sealed.segment, sealed.trailer, proved);
        stream::iter(sealed).for_each_concurrent(FOOTERS_IN_FLIGHT, adopt).await;
        for copied in &commit.copied {
            self.adopt_copy(copied);
        }
        for event in &commit.events {
            self.journal.apply(record.header.sequence, event).map_err(|source| {
                StoreError::Unreadable { disk: "the catalog".to_owned(), source }
            })?;
        }
        let generation = self.log.get_mut().generation;
        self.retire(&commit.retired, generation);
        for released in &commit.released {
            if let Some(gone) = lock(&self.retired).remove(&number(released.segment)) {
                self.members.give_slots(&gone.segment.place.slots);
            }
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

    /// Refuses to take records for torn that no disk here was to have: the disk that has them is
    /// not here.
    fn check_held(&self, commit: &Commit) -> Result<()> {
        let place = |id: SegmentId| {
            let known = lock(&self.segments).get(number(id)).map(|segment| segment.place);
            known.or(commit.opened.iter().find(|place| place.info.segment == id).copied())
        };
        let places = commit.groups.iter().filter_map(|group| place(group.header.segment));
        let unheld = places.filter(|place| {
            let slot = |number: usize| place.slots.get(number).copied().unwrap_or(NO_SLOT);
            self.members.readers().all(|(number, _)| slot(number) == NO_SLOT)
        });
        let segments = unheld.count();
        match self.members.readers().next() {
            Some((_, member)) if segments > 0 && !planted(Bug::SyncingAlone) => {
                Err(StoreError::Incomplete { disk: member.disk.name().to_owned(), segments })
            }
            _ => Ok(()),
        }
    }

    /// Takes over where a member has got its copy of a segment: it was durable before this was
    /// written down.
    fn adopt_copy(&self, copied: &CopiedSegment) {
        let mut segments = lock(&self.segments);
        let Some(segment) = segments.get_mut(copied.segment) else { return };
        if let Some(slot) = segment.place.slots.get_mut(copied.member as usize) {
            *slot = copied.slot;
            self.members.claim_slots(&segment.place.slots);
        }
    }

    /// Believes that a segment has its footer only if one can be read: the commit that says so
    /// may not be proved durable. Then every disk must have it: what one of them lacks is written
    /// anew with the segment's other unfinished business.
    async fn adopt_footer(&self, segment: SegmentId, trailer: [u8; 32], proved: bool) {
        let Some(found) = lock(&self.segments).get(number(segment)).cloned() else { return };
        let State::Unsealed { entries, body_end } = &found.state else { return };
        let state = State::Sealed { records: entries.len() as u32, body_end: *body_end, trailer };
        let sealed = Segment { place: found.place, state };
        if !proved && !self.footer_everywhere(&sealed, &trailer).await {
            return;
        }
        let read = self.entries(&sealed).await;
        if read.is_ok_and(|read| read == *entries) || planted(Bug::FooterUnverified) {
            lock(&self.segments).insert(sealed);
        }
    }

    async fn footer_everywhere(&self, segment: &Segment, trailer: &[u8; 32]) -> bool {
        if planted(Bug::FooterUnverified) {
            return true;
        }
        for (number, _) in self.members.readers() {
            let Some((member, slot)) = self.holder(segment, number) else { continue };
            if self.read_footer(member, slot, segment, trailer).await.is_err() {
                return false;
            }
        }
        true
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
        self.bad_copies(&segment, start as u32, length).await
    }

    /// Reads every copy of some blocks once; gives those that are not as they were written. `None`
    /// when a record is intact in none of them.
    async fn bad_copies(&self, segment: &Segment, start: u32, length: usize) -> Option<Vec<Heal>> {
        let holds = |number: &usize| self.holder(segment, *number).is_some();
        let holders = self.members.readers().map(|(number, _)| number).filter(holds);
        let holders: Vec<usize> = holders.collect();
        let read = holders.iter().map(|number| self.read_blocks(segment, start, length, *number));
        let read = join_all(read).await;
        let (mut copies, mut bad) = (Vec::new(), Vec::new());
        for (member, copy) in holders.into_iter().zip(read) {
            match copy {
                Some(copy) => copies.push((member, copy)),
                None => bad.push(member),
            }
        }
        let (members, copies): (Vec<usize>, Vec<Buffer>) = copies.into_iter().unzip();
        let expected = self.canonical_from(segment, start, length, &copies).await.ok()?;
        let differ = members.into_iter().zip(&copies).filter(|(_, copy)| copy[..] != expected[..]);
        bad.extend(differ.map(|(member, _)| member));
        let segment = segment.place.info.segment;
        let heal = |member| Heal { segment, start, length, member };
        Some(bad.into_iter().map(heal).collect())
    }
}
