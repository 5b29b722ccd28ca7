//! Moving what is needed out of segments that go: copied, committed, read back from every disk, and
//! only then are the segments retired.
//!
//! What cannot be read, or came into use meanwhile, keeps its segment; a crash between any two
//! steps leaves records in two places, which is right.

use std::collections::hash_map::Entry as Slot;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use format::log::RetiredSegment;
use format::segment::{Entry, RecordKind};
use model::{Digest, SegmentId, TenantId};

use crate::arrange::Arrangement;
use crate::batch::Located;
use crate::duty::Duty;
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
pub(crate) const BATCH_BYTES: u64 = 4 << 20;

/// A record that is to move.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Carried {
    pub(crate) digest: Digest,
    /// None of the newest points needs it.
    pub(crate) cold: bool,
}

/// A record between its old place and its new one.
struct Opened {
    /// Its number in what was to be carried.
    at: usize,
    tenant: TenantId,
    kind: RecordKind,
    digest: Digest,
    refs: Vec<Digest>,
    plain: Vec<u8>,
}

/// Something that is needed cannot be read.
pub(crate) fn is_damage(error: &StoreError) -> bool {
    matches!(error, StoreError::Damaged { .. } | StoreError::DamagedStructure { .. })
}

/// Moves what is needed out of segments.
pub(crate) struct Mover<'a> {
    pub(crate) inner: &'a Arc<Inner>,
    duty: Duty<'a>,
    resealer: &'a mut dyn Resealer,
    /// By tenant, and whether for what moves in reading order: that is apart from what is older.
    writers: HashMap<(TenantId, bool), SegmentWriter>,
    pub(crate) arrangement: &'a Arrangement,
    /// All segments that are to go: none of them counts as another place.
    pub(crate) leaving: &'a HashSet<u32>,
    /// Segments that it fills or filled, whose footers have not been read back.
    filled: BTreeSet<u32>,
    pub(crate) done: Reclaimed,
}

impl<'a> Mover<'a> {
    pub(crate) fn new(
        inner: &'a Arc<Inner>,
        duty: Duty<'a>,
        resealer: &'a mut dyn Resealer,
        arrangement: &'a Arrangement,
        leaving: &'a HashSet<u32>,
    ) -> Self {
        let (writers, filled, done) = Default::default();
        Self { inner, duty, resealer, writers, arrangement, leaving, filled, done }
    }

    /// Places of a record outside the segments that go.
    pub(crate) async fn others(&self, digest: &Digest) -> Result<Vec<(Place, Entry)>> {
        let mut places = self.inner.find_all(digest).await?;
        let damaged = lock(&self.inner.damaged);
        places.retain(|(place, _)| {
            !self.leaving.contains(&place.segment) && !damaged.contains(place)
        });
        Ok(places)
    }

    /// Copies records to new segments, in this order. Those that the newest points need, when they
    /// are carried in reading order, to others than the rest; what they take is no more than any
    /// new record may take.
    pub(crate) async fn carry(&mut self, list: &[Carried], in_order: bool) -> Result<()> {
        let begun = self.duty.begin(self.inner);
        for opened in self.open(list).await? {
            let squeezes = self.arrangement.squeezes && opened.kind == RecordKind::Chunk;
            let cold = list.get(opened.at).is_some_and(|carried| carried.cold);
            self.put(opened, in_order, squeezes && cold).await?;
        }
        self.duty.rest(begun, self.inner).await;
        Ok(())
    }

    /// Reads records as they lie and gives them in the order of the list.
    async fn open(&mut self, list: &[Carried]) -> Result<Vec<Opened>> {
        let digests: Vec<Digest> = list.iter().map(|carried| carried.digest).collect();
        let mut opened = Vec::with_capacity(digests.len());
        let resealer = &mut *self.resealer;
        self.inner
            .read_batch(&digests, |at, view| {
                let (kind, digest, tenant) = (view.kind(), view.digest, view.info.tenant);
                let refs = view.ref_list();
                let plain = kind.zip(resealer.open(view));
                let right = plain.is_some();
                opened.extend(plain.map(|(kind, plain)| Opened {
                    at,
                    tenant,
                    kind,
                    digest,
                    refs,
                    plain,
                }));
                right
            })
            .await?;
        opened.sort_by_key(|opened| opened.at);
        Ok(opened)
    }

    /// Seals and appends a record.
    async fn put(&mut self, opened: Opened, in_order: bool, squeeze: bool) -> Result<()> {
        let Opened { tenant, kind, digest, refs, mut plain, .. } = opened;
        let record = Moving { kind, digest, refs: &refs };
        let smaller = if squeeze { self.resealer.squeeze(tenant, &record, &plain) } else { None };
        if let Some(smaller) = smaller {
            self.done.squeezed_records += 1;
            self.done.squeezed_from += plain.len() as u64;
            self.done.squeezed_to += smaller.len() as u64;
            plain = smaller;
        }
        let length = refs.len() * 32 + plain.len() + self.resealer.overhead();
        let writer = match self.writers.entry((tenant, in_order)) {
            Slot::Occupied(writer) => writer.into_mut(),
            Slot::Vacant(none) => {
                let keys = WriterKeys { moves: !in_order, ..self.resealer.keys(tenant)? };
                none.insert(Store { inner: self.inner.clone() }.writer(keys))
            }
        };
        let place = writer.place(length).await?;
        self.filled.insert(number(place.info.segment));
        let stored = self.resealer.seal(&place, &record, plain)?;
        writer.append(NewRecord { kind, digest, refs: refs.len(), stored: &stored }).await?;
        self.done.moved_bytes += stored.len() as u64;
        self.done.moved_records += 1;
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
    pub(crate) async fn read_footers_back(&mut self) -> Result<()> {
        for number in std::mem::take(&mut self.filled) {
            let segment = lock(&self.inner.segments).get(number).cloned();
            let Some(segment) = segment else { continue };
            let State::Sealed { trailer, .. } = &segment.state else {
                self.filled.insert(number);
                continue;
            };
            for (disk, member) in self.inner.members.active() {
                let Some((_, slot)) = self.inner.holder(&segment, disk) else { continue };
                if self.inner.read_footer(member, slot, &segment, trailer).await.is_ok() {
                    continue;
                }
                let healed = self.inner.heal_footer(&segment, trailer, disk).await;
                // A disk that takes nothing has failed; the others go on if they have everything.
                if member.is_active() || self.inner.members.complete().next().is_none() {
                    healed?;
                }
            }
        }
        Ok(())
    }

    /// Of these records, those that cannot be read elsewhere from every disk in service.
    pub(crate) async fn not_elsewhere(&self, digests: &[Digest]) -> Result<HashSet<Digest>> {
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
    pub(crate) async fn leave(&self, victim: &Victim, kept: &[Digest]) -> Result<bool> {
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

    pub(crate) async fn retire(&mut self, victims: &[&Victim], age: u64) -> Result<()> {
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
