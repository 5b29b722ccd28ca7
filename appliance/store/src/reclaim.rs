//! Reclaim: what nothing needs any more gives its room back.
//!
//! Mark what recovery points lead to; of segments with little left in them move that to new ones;
//! read the copies back; retire the segments. Their slots are free when [`Store::release_retired`]
//! says so. Runs beside everything else: what was found or appended meanwhile counts as needed.
//!
//! A crash at any point leaves records in two places, or segments retired: both are right. If any
//! manifest cannot be read, nothing is taken away.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use format::log::RetiredSegment;
use format::segment::{Entry, RecordKind};
use model::{Digest, SegmentId, TenantId};

use crate::index::Place;
use crate::mark::{Live, Marked};
use crate::members::lock;
use crate::planted::{Bug, planted};
use crate::queue::Changes;
use crate::segments::{Segment, State, number};
use crate::store::{Inner, Store};
use crate::uses::{Lease, Records};
use crate::{NewRecord, RecordPlace, RecordView, Result, SegmentWriter, StoreError, WriterKeys};

/// Bytes of records that are opened at once while they move.
const BATCH_BYTES: u64 = 4 << 20;

/// Segments whose records move between two commits, at most.
const GROUP_SEGMENTS: usize = 16;

/// Moves records from one segment's key to another's. The store has no keys; this comes from who
/// does.
pub trait Resealer: Send {
    /// What a writer for this tenant needs.
    fn keys(&mut self, tenant: TenantId) -> Result<WriterKeys>;
    /// Opens a record; `None` when its seal does not hold.
    fn open(&mut self, view: RecordView<'_>) -> Option<Vec<u8>>;
    /// How many bytes [`seal`](Self::seal) adds to what [`open`](Self::open) gave.
    fn overhead(&self) -> usize;
    /// Seals what `open` gave for its new place.
    fn seal(&mut self, to: &RecordPlace, record: &Moving<'_>, opened: Vec<u8>) -> Result<Vec<u8>>;
}

/// What is known of a record that moves.
#[derive(Debug, Clone, Copy)]
pub struct Moving<'a> {
    pub kind: RecordKind,
    pub digest: Digest,
    pub refs: &'a [Digest],
}

/// What reclaim may do.
#[derive(Debug, Clone, Copy)]
pub struct ReclaimOptions {
    /// Percent of a segment's bytes that must be of no use for the rest to be moved.
    pub least_dead_percent: u32,
    /// Bytes of records to move at most.
    pub most_moved_bytes: u64,
    /// The pool's age, in seconds.
    pub age: u64,
}

/// What reclaim would do. Amounts are in bytes of one copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReclaimPlan {
    /// Segments with a footer when reclaim began.
    pub segments: u64,
    /// Of these, segments that would be retired.
    pub victims: u64,
    /// What is in them that would have to be moved.
    pub move_bytes: u64,
    /// What is in them and of no use.
    pub free_bytes: u64,
    /// What is of no use in all segments.
    pub dead_bytes: u64,
}

/// How far reclaim came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reclaiming {
    Marking(Marked),
    Moving { done_bytes: u64, of_bytes: u64 },
}

/// What reclaim did. Amounts are in bytes of one copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reclaimed {
    pub retired_segments: u64,
    pub moved_bytes: u64,
    pub moved_records: u64,
    /// What was of no use in the segments that were retired.
    pub freed_bytes: u64,
    /// Segments that stay, because something in them could not be moved: it is damaged, or came
    /// into use meanwhile.
    pub kept_segments: u64,
}

/// A run of reclaim, from before the recovery points are listed on.
#[derive(Debug)]
pub struct Reclaim {
    inner: Arc<Inner>,
    lease: Lease,
    /// Segments with a footer when it began: what came later is not looked at.
    sealed: Vec<Segment>,
    live: Live,
}

/// A segment that is to go.
struct Victim {
    segment: Segment,
    number: u32,
    live: Records,
    /// Of its bytes, what is needed; by the number of records, as their sizes are in its footer.
    live_bytes: u64,
    dead_bytes: u64,
}

impl Store {
    /// Begins a reclaim. Whoever asks for the recovery points must do so after this: what is
    /// committed from now on counts as needed.
    pub fn begin_reclaim(&self) -> Reclaim {
        let lease = self.lease(Vec::new());
        let sealed = |segment: &Segment| matches!(segment.state, State::Sealed { .. });
        let sealed = lock(&self.inner.segments).sorted().into_iter().filter(sealed).collect();
        Reclaim { inner: self.inner.clone(), lease, sealed, live: Live::default() }
    }
}

impl Reclaim {
    /// Marks what these records lead to: those of all recovery points. `go_on` is asked from time
    /// to time.
    ///
    /// # Errors
    /// When a manifest cannot be read; then nothing must be taken away.
    pub async fn mark(
        &mut self,
        mut roots: Vec<Digest>,
        go_on: &mut (dyn FnMut(Reclaiming) -> bool + Send),
    ) -> Result<Marked> {
        roots.extend(lock(&self.inner.uses).roots());
        let mut go_on = |marked| go_on(Reclaiming::Marking(marked));
        self.inner.mark(&mut self.live, roots, &mut go_on).await?;
        Ok(self.live.marked)
    }

    /// What [`run`](Self::run) would do now.
    pub fn plan(&self, options: &ReclaimOptions) -> ReclaimPlan {
        let all = self.victims(0);
        let victims = self.chosen(options);
        let sum = |list: &[Victim], bytes: fn(&Victim) -> u64| list.iter().map(bytes).sum();
        ReclaimPlan {
            segments: self.sealed.len() as u64,
            victims: victims.len() as u64,
            move_bytes: sum(&victims, |victim| victim.live_bytes),
            free_bytes: sum(&victims, |victim| victim.dead_bytes),
            dead_bytes: sum(&all, |victim| victim.dead_bytes),
        }
    }

    /// Moves and retires. `go_on` is asked from time to time; what was retired until it says no
    /// stays so.
    pub async fn run(
        self,
        options: &ReclaimOptions,
        resealer: &mut dyn Resealer,
        go_on: &mut (dyn FnMut(Reclaiming) -> bool + Send),
    ) -> Result<Reclaimed> {
        let victims = self.chosen(options);
        let of_bytes = victims.iter().map(|victim| victim.live_bytes).sum();
        let numbers: HashSet<u32> = victims.iter().map(|victim| victim.number).collect();
        let mut mover = Mover {
            inner: &self.inner,
            resealer,
            writers: HashMap::new(),
            leaving: &numbers,
            filled: BTreeSet::new(),
            done: Reclaimed::default(),
        };
        let mut done_bytes = 0;
        for group in victims.chunks(GROUP_SEGMENTS) {
            if !go_on(Reclaiming::Moving { done_bytes, of_bytes }) {
                return Err(StoreError::Interrupted);
            }
            mover.group(group, options.age).await?;
            done_bytes += group.iter().map(|victim| victim.live_bytes).sum::<u64>();
        }
        mover.finish().await?;
        go_on(Reclaiming::Moving { done_bytes, of_bytes });
        let done = mover.done;
        drop(self.lease);
        Ok(done)
    }

    /// Segments with at least so many percent of no use, those with the most first, as far as what
    /// must be moved is not too much.
    fn chosen(&self, options: &ReclaimOptions) -> Vec<Victim> {
        let mut room = options.most_moved_bytes;
        let mut victims = self.victims(options.least_dead_percent.max(1));
        victims.retain(|victim| {
            let fits = victim.live_bytes <= room;
            room -= if fits { victim.live_bytes } else { 0 };
            fits
        });
        victims
    }

    fn victims(&self, least_dead_percent: u32) -> Vec<Victim> {
        let mut victims: Vec<Victim> = self.sealed.iter().map(|s| self.weigh(s)).collect();
        victims.retain(|victim| {
            let all = victim.live_bytes + victim.dead_bytes;
            victim.dead_bytes * 100 >= all * u64::from(least_dead_percent)
        });
        victims.sort_by_key(|victim| (victim.live_bytes, victim.number));
        victims
    }

    fn weigh(&self, segment: &Segment) -> Victim {
        let number = number(segment.place.info.segment);
        let mut live = self.live.of(number);
        live.add_all(&lock(&self.inner.uses).touched(number));
        let (records, bytes) = (segment.records().max(1) as u64, segment.stored_bytes());
        let live_bytes = bytes * u64::from(live.count()).min(records) / records;
        let segment = segment.clone();
        Victim { segment, number, live, live_bytes, dead_bytes: bytes - live_bytes }
    }
}

/// Moves what is needed out of segments.
struct Mover<'a> {
    inner: &'a Arc<Inner>,
    resealer: &'a mut dyn Resealer,
    writers: HashMap<TenantId, SegmentWriter>,
    /// All segments that are to go: none of them counts as another place.
    leaving: &'a HashSet<u32>,
    /// Segments that it fills or filled, whose footers have not been read back.
    filled: BTreeSet<u32>,
    done: Reclaimed,
}

impl Mover<'_> {
    async fn group(&mut self, victims: &[Victim], age: u64) -> Result<()> {
        let mut moved = Vec::new();
        for victim in victims {
            match self.empty(victim).await {
                Ok(digests) => moved.push((victim, digests)),
                // A record that cannot be read keeps its segment; the next reclaim tries again.
                Err(StoreError::Damaged { .. } | StoreError::DamagedStructure { .. }) => {
                    self.done.kept_segments += 1;
                }
                Err(error) => return Err(error),
            }
        }
        self.inner.commit(Changes::default()).await?;
        self.read_footers_back().await?;
        let mut leaving = Vec::new();
        for (victim, digests) in moved {
            if self.is_elsewhere(&digests).await? && self.leave(victim, &digests).await? {
                leaving.push(victim);
            } else {
                self.done.kept_segments += 1;
            }
        }
        self.retire(&leaving, age).await
    }

    /// Sees to it that everything needed of a segment is in another, not necessarily durable.
    /// Gives what that is.
    async fn empty(&mut self, victim: &Victim) -> Result<Vec<Digest>> {
        let mut needed = Vec::new();
        let mut batch: Vec<Digest> = Vec::new();
        let mut bytes = 0;
        if victim.live.count() == 0 {
            return Ok(needed);
        }
        let entries = self.inner.entries(&victim.segment).await?;
        for (entry, record) in entries.iter().zip(0_u16..) {
            if !victim.live.has(record) {
                continue;
            }
            needed.push(entry.digest);
            if self.others(&entry.digest).await?.is_empty() {
                batch.push(entry.digest);
                bytes += u64::from(entry.length);
            }
            if bytes >= BATCH_BYTES {
                self.carry(&std::mem::take(&mut batch)).await?;
                bytes = 0;
            }
        }
        self.carry(&batch).await?;
        Ok(needed)
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
        let store = Store { inner: self.inner.clone() };
        let mut opened = Vec::with_capacity(digests.len());
        let resealer = &mut *self.resealer;
        store
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
                    none.insert(store.writer(keys))
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
        Ok(())
    }

    /// Ends the segments that it fills.
    async fn finish(&mut self) -> Result<()> {
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

    /// Whether each of these records can be read elsewhere from every disk in service.
    async fn is_elsewhere(&self, digests: &[Digest]) -> Result<bool> {
        for digest in digests {
            let mut whole = false;
            for (place, entry) in self.others(digest).await? {
                whole = whole || self.reads_back(place, &entry).await?;
            }
            if !whole && !planted(Bug::NotReadBack) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn reads_back(&self, place: Place, entry: &Entry) -> Result<bool> {
        let segment = self.inner.segment(place)?;
        for (number, _) in self.inner.members.active() {
            if self.inner.holder(&segment, number).is_some()
                && self.inner.read_checked(&segment, place, entry, number).await.is_err()
                && self.inner.read_any(&segment, place, entry).await.is_err()
            {
                return Ok(false);
            }
        }
        Ok(true)
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
