//! Moving what is needed out of segments that go: copied, committed, read back from every disk, and
//! only then are the segments retired.
//!
//! What cannot be read, or came into use meanwhile, keeps its segment; a crash between any two steps
//! leaves records in two places, which is right.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use format::log::RetiredSegment;
use format::segment::Entry;
use model::{Digest, SegmentId, TenantId};

use crate::batch::Located;
use crate::duty::Duty;
use crate::filling::segments_for;
use crate::index::Place;
use crate::members::lock;
use crate::planted::{Bug, planted};
use crate::queue::Changes;
use crate::reclaim::{Moving, Reclaimed, Resealer};
use crate::segments::{State, number};
use crate::store::{Inner, Store};
use crate::victims::Victim;
use crate::{NewRecord, Result, SegmentWriter, StoreError, WriterKeys};

/// Bytes of records that are opened at once while they move.
const BATCH_BYTES: u64 = 4 << 20;

/// Segments whose records move between two commits, at most.
const GROUP_SEGMENTS: usize = 16;

/// A segment that is about to go.
struct Leaving<'a> {
    victim: &'a Victim,
    /// Everything in it that is needed.
    needed: Vec<Digest>,
    /// What of that is nowhere else, with its stored bytes.
    alone: Vec<(Digest, u32)>,
}

impl Leaving<'_> {
    fn lengths(&self) -> impl Iterator<Item = u32> {
        self.alone.iter().map(|(_, length)| *length)
    }

    fn bytes(&self) -> u64 {
        self.lengths().map(u64::from).sum()
    }

    /// Segments that what moves out of it fills at most.
    fn segments(&self, segment_bytes: u32) -> u32 {
        segments_for(self.lengths(), segment_bytes)
    }
}

/// Segments of one tenant that go together. What they leave behind fills few segments, so that in
/// a full pool there is room for all of it, and the room of the group comes back.
#[derive(Default)]
struct Group<'a>(Vec<Leaving<'a>>);

impl<'a> Group<'a> {
    /// Whether another may join, with what moves out of all of them filling at most a segment and a
    /// part, for which so many slots are free.
    fn takes(&self, leaving: &Leaving<'_>, segment_bytes: u32, free_slots: u32) -> bool {
        let Some(first) = self.0.first() else { return true };
        let tenant = |leaving: &Leaving<'_>| leaving.victim.segment.place.info.tenant;
        let bytes = self.0.iter().map(Leaving::bytes).sum::<u64>() + leaving.bytes();
        let lengths = self.0.iter().flat_map(Leaving::lengths).chain(leaving.lengths());
        self.0.len() < GROUP_SEGMENTS
            && tenant(first) == tenant(leaving)
            && bytes <= u64::from(segment_bytes)
            && segments_for(lengths, segment_bytes) <= free_slots
    }

    fn push(&mut self, leaving: Leaving<'a>) {
        self.0.push(leaving);
    }
}

/// Something that is needed cannot be read.
fn is_damage(error: &StoreError) -> bool {
    matches!(error, StoreError::Damaged { .. } | StoreError::DamagedStructure { .. })
}

/// Moves what is needed out of segments.
pub(crate) struct Mover<'a> {
    inner: &'a Arc<Inner>,
    duty: Duty<'a>,
    resealer: &'a mut dyn Resealer,
    writers: HashMap<TenantId, SegmentWriter>,
    /// All segments that are to go: none of them counts as another place.
    leaving: &'a HashSet<u32>,
    /// Segments that it fills or filled, whose footers have not been read back.
    filled: BTreeSet<u32>,
    pub(crate) done: Reclaimed,
}

impl<'a> Mover<'a> {
    pub(crate) fn new(
        inner: &'a Arc<Inner>,
        duty: Duty<'a>,
        resealer: &'a mut dyn Resealer,
        leaving: &'a HashSet<u32>,
    ) -> Self {
        let (writers, filled, done) = Default::default();
        Self { inner, duty, resealer, writers, leaving, filled, done }
    }

    /// Empties these segments and retires them, some at a time: those of which everything needed
    /// is elsewhere go before the next are looked at. `go_on` is asked in between.
    ///
    /// # Errors
    /// `Full` when nothing could be retired for lack of room.
    pub(crate) async fn retire_all(
        &mut self,
        victims: &[Victim],
        age: u64,
        go_on: &mut (dyn FnMut(&Reclaimed) -> bool + Send),
    ) -> Result<()> {
        let mut group = Group::default();
        for victim in victims {
            let leaving = match self.look_at(victim).await {
                Err(error) if is_damage(&error) => {
                    self.done.kept_segments += 1;
                    continue;
                }
                leaving => leaving?,
            };
            let segment_bytes = self.inner.geometry.segment_bytes();
            if !group.takes(&leaving, segment_bytes, self.free_slots()) {
                self.retire_group(std::mem::take(&mut group), age, go_on).await?;
            }
            if leaving.segments(segment_bytes) <= self.free_slots() {
                group.push(leaving);
            } else {
                self.done.short_of_room = true;
            }
        }
        self.retire_group(group, age, go_on).await
    }

    async fn retire_group(
        &mut self,
        group: Group<'_>,
        age: u64,
        go_on: &mut (dyn FnMut(&Reclaimed) -> bool + Send),
    ) -> Result<()> {
        if group.0.is_empty() {
            return Ok(());
        }
        if !go_on(&self.done) {
            return Err(StoreError::Interrupted);
        }
        match self.try_group(group, age).await {
            // Somebody else took the room meanwhile. What was copied need not be copied again.
            Err(StoreError::Full) => self.done.short_of_room = true,
            outcome => outcome?,
        }
        Ok(())
    }

    async fn try_group(&mut self, group: Group<'_>, age: u64) -> Result<()> {
        let mut moved = Vec::new();
        for leaving in group.0 {
            match self.empty(&leaving).await {
                Ok(()) => moved.push(leaving),
                // A record that cannot be read keeps its segment; the next reclaim tries again.
                Err(error) if is_damage(&error) => self.done.kept_segments += 1,
                Err(error) => return Err(error),
            }
        }
        self.inner.commit(Changes::default()).await?;
        self.read_footers_back().await?;
        let all: Vec<Digest> = moved.iter().flat_map(|leaving| &leaving.needed).copied().collect();
        let missing = self.not_elsewhere(&all).await?;
        let mut gone = Vec::new();
        for Leaving { victim, needed, .. } in moved {
            let elsewhere = !needed.iter().any(|digest| missing.contains(digest));
            if elsewhere && self.leave(victim, &needed).await? {
                gone.push(victim);
            } else {
                self.done.kept_segments += 1;
            }
        }
        self.retire(&gone, age).await
    }

    /// Slots that what moves may take now.
    fn free_slots(&self) -> u32 {
        self.inner.members.free_slots().saturating_sub(self.inner.checkpoint_reserve())
    }

    /// What has to be seen to before a segment can go.
    async fn look_at<'v>(&self, victim: &'v Victim) -> Result<Leaving<'v>> {
        let mut leaving = Leaving { victim, needed: Vec::new(), alone: Vec::new() };
        if victim.live.count() == 0 {
            return Ok(leaving);
        }
        let entries = self.inner.entries(&victim.segment).await?;
        for (entry, record) in entries.iter().zip(0_u16..) {
            if !victim.live.has(record) {
                continue;
            }
            leaving.needed.push(entry.digest);
            if self.others(&entry.digest).await?.is_empty() {
                leaving.alone.push((entry.digest, entry.length));
            }
        }
        Ok(leaving)
    }

    /// Sees to it that everything needed of a segment is in another, not necessarily durable.
    async fn empty(&mut self, leaving: &Leaving<'_>) -> Result<()> {
        let mut batch: Vec<Digest> = Vec::new();
        let mut bytes = 0;
        for (digest, length) in &leaving.alone {
            // Another segment of the group may have had it too.
            if !self.others(digest).await?.is_empty() {
                continue;
            }
            batch.push(*digest);
            bytes += u64::from(*length);
            if bytes >= BATCH_BYTES {
                self.carry(&std::mem::take(&mut batch)).await?;
                bytes = 0;
            }
        }
        self.carry(&batch).await
    }

    /// Places of a record outside the segments that go.
    async fn others(&self, digest: &Digest) -> Result<Vec<(Place, Entry)>> {
        let mut places = self.inner.find_all(digest).await?;
        let damaged = lock(&self.inner.damaged);
        places.retain(|(place, _)| {
            !self.leaving.contains(&place.segment) && !damaged.contains(place)
        });
        Ok(places)
    }

    /// Copies records to new segments.
    async fn carry(&mut self, digests: &[Digest]) -> Result<()> {
        let begun = self.duty.begin(self.inner);
        let mut opened = Vec::with_capacity(digests.len());
        let resealer = &mut *self.resealer;
        self.inner
            .read_batch(digests, |_, view| {
                let (kind, digest, tenant) = (view.kind(), view.digest, view.info.tenant);
                let refs = view.ref_list();
                let plain = kind.zip(resealer.open(view));
                let right = plain.is_some();
                opened.extend(plain.map(|(kind, plain)| (kind, digest, tenant, refs, plain)));
                right
            })
            .await?;
        for (kind, digest, tenant, refs, plain) in opened {
            let length = refs.len() * 32 + plain.len() + self.resealer.overhead();
            let writer = match self.writers.entry(tenant) {
                std::collections::hash_map::Entry::Occupied(writer) => writer.into_mut(),
                std::collections::hash_map::Entry::Vacant(none) => {
                    let keys = WriterKeys { moves: true, ..self.resealer.keys(tenant)? };
                    none.insert(Store { inner: self.inner.clone() }.writer(keys))
                }
            };
            let place = writer.place(length).await?;
            self.filled.insert(number(place.info.segment));
            let record = Moving { kind, digest, refs: &refs };
            let stored = self.resealer.seal(&place, &record, plain)?;
            writer.append(NewRecord { kind, digest, refs: refs.len(), stored: &stored }).await?;
            self.done.moved_bytes += stored.len() as u64;
            self.done.moved_records += 1;
        }
        self.duty.rest(begun, self.inner).await;
        Ok(())
    }

    /// Ends the segments that it fills.
    pub(crate) async fn finish(&mut self) -> Result<()> {
        for writer in self.writers.values_mut() {
            writer.seal().await;
        }
        self.inner.commit(Changes::default()).await?;
        self.read_footers_back().await
    }

    /// Looks whether the footers that were written are there: without them records are not found
    /// after the next start. Their contents are still in memory.
    async fn read_footers_back(&mut self) -> Result<()> {
        for number in std::mem::take(&mut self.filled) {
            let segment = lock(&self.inner.segments).get(number).cloned();
            let Some(segment) = segment else { continue };
            let State::Sealed { trailer, .. } = &segment.state else {
                self.filled.insert(number);
                continue;
            };
            for (disk, member) in self.inner.members.active() {
                let Some((_, slot)) = self.inner.holder(&segment, disk) else { continue };
                if self.inner.read_footer(member, slot, &segment, trailer).await.is_err() {
                    self.inner.heal_footer(&segment, trailer, disk).await?;
                }
            }
        }
        Ok(())
    }

    /// Of these records, those that cannot be read elsewhere from every disk in service.
    async fn not_elsewhere(&self, digests: &[Digest]) -> Result<HashSet<Digest>> {
        let mut records = Vec::new();
        for (at, digest) in digests.iter().enumerate() {
            let places = self.others(digest).await?.into_iter();
            records.extend(places.map(|(place, entry)| Located { at, place, entry }));
        }
        let mut missing: HashSet<Digest> = digests.iter().copied().collect();
        // One place is enough: the others are asked only for what was not right in the one before.
        while !records.is_empty() && !planted(Bug::NotReadBack) {
            let (first, more) = one_each(records);
            let bad = self.inner.not_read_back(&first, self.duty).await?;
            for record in first.iter().filter(|record| !bad.contains(&record.at)) {
                missing.remove(&record.entry.digest);
            }
            records = more.into_iter().filter(|record| bad.contains(&record.at)).collect();
        }
        if planted(Bug::NotReadBack) { Ok(HashSet::new()) } else { Ok(missing) }
    }

    /// From here on nothing new counts on what is in a segment; false if something does that was
    /// not moved.
    async fn leave(&self, victim: &Victim, kept: &[Digest]) -> Result<bool> {
        let kept: HashSet<&Digest> = kept.iter().collect();
        let mut moved = victim.live.clone();
        let touched = lock(&self.inner.uses).touched(victim.number);
        if !touched.within(&moved) {
            let entries = self.inner.entries(&victim.segment).await?;
            for (entry, record) in entries.iter().zip(0_u16..) {
                if kept.contains(&entry.digest) {
                    moved.add(record);
                }
            }
        }
        Ok(lock(&self.inner.uses).leave(victim.number, &moved))
    }

    async fn retire(&mut self, victims: &[&Victim], age: u64) -> Result<()> {
        if victims.is_empty() {
            return Ok(());
        }
        let segment = |victim: &&Victim| SegmentId(u64::from(victim.number));
        let retired = victims.iter().map(|v| RetiredSegment { segment: segment(v), age }).collect();
        let outcome = self.inner.commit(Changes { retired, ..Changes::default() }).await;
        if let Err(error) = outcome {
            let mut uses = lock(&self.inner.uses);
            victims.iter().for_each(|victim| uses.left(victim.number));
            return Err(error);
        }
        self.done.retired_segments += victims.len() as u64;
        self.done.freed_bytes += victims.iter().map(|victim| victim.dead_bytes).sum::<u64>();
        Ok(())
    }
}

/// The first place of each record, and all others; those of one record stand together.
fn one_each(records: Vec<Located>) -> (Vec<Located>, Vec<Located>) {
    let mut last = None;
    records.into_iter().partition(|record| last.replace(record.at) != Some(record.at))
}
