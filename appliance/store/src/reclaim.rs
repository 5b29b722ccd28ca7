//! Reclaim: what nothing needs any more gives its room back.
//!
//! Mark what recovery points lead to; of segments with little left in them move that to new ones;
//! read the copies back; retire the segments. Their slots are free when [`Store::release_retired`]
//! says so. Runs beside everything else: what was found or appended meanwhile counts as needed.
//!
//! A crash at any point leaves records in two places, or segments retired: both are right. If any
//! manifest cannot be read, nothing is taken away.

use std::collections::HashSet;
use std::sync::Arc;

use format::segment::RecordKind;
use model::{Digest, TenantId};

use crate::arrange::Arrangement;
use crate::duty::Duty;
use crate::mark::{Live, Marked};
use crate::members::lock;
use crate::moving::Mover;
use crate::segments::{Segment, State};
use crate::store::{Inner, Store};
use crate::uses::Lease;
use crate::victims::Victim;
use crate::{RecordPlace, RecordView, Result, StoreError, WriterKeys};

/// Moves records from one segment's key to another's. The store has no keys; this comes from who
/// does.
pub trait Resealer: Send {
    /// What a writer for this tenant needs.
    fn keys(&mut self, tenant: TenantId) -> Result<WriterKeys>;
    /// Opens a record; `None` when its seal does not hold.
    fn open(&mut self, view: RecordView<'_>) -> Option<Vec<u8>>;
    /// How many bytes [`seal`](Self::seal) adds to what it is given.
    fn overhead(&self) -> usize;
    /// Makes what [`open`](Self::open) gave smaller, of a chunk that is hardly ever read any more;
    /// `None` when that saves too little, and whenever it gave this itself.
    fn squeeze(&mut self, tenant: TenantId, record: &Moving<'_>, opened: &[u8]) -> Option<Vec<u8>>;
    /// Seals what `open` or `squeeze` gave for its new place.
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
    /// Of the victims, those that go only so that the newest points lie in reading order.
    pub rewritten: u64,
    /// Those that go only so that what older points need is compressed better.
    pub squeezed: u64,
    /// Those that go because they were ended long before they were full.
    pub merged: u64,
    /// The room of these, less that of the segments that they are put together in.
    pub merged_bytes: u64,
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
    /// Chunks that were compressed better on their way, with their bytes before and after.
    pub squeezed_records: u64,
    pub squeezed_from: u64,
    pub squeezed_to: u64,
    /// Some segments stay because there was no room for what is needed of them. There is when
    /// those that were retired have been released.
    pub short_of_room: bool,
}

/// A reclaim that does not know yet what is needed, so it can take nothing away.
#[derive(Debug)]
#[must_use = "what is found while it exists counts as needed"]
pub struct Marking<'a> {
    inner: Arc<Inner>,
    lease: Lease,
    duty: Duty<'a>,
    sealed: Vec<Segment>,
}

/// A reclaim that knows what is needed: everything that was marked, and what came into use since
/// before the recovery points were listed.
#[derive(Debug)]
pub struct Reclaim<'a> {
    pub(crate) inner: Arc<Inner>,
    lease: Lease,
    duty: Duty<'a>,
    /// Segments with a footer when it began: what came later is not looked at.
    pub(crate) sealed: Vec<Segment>,
    pub(crate) live: Live,
    pub(crate) arrangement: Arrangement,
}

impl Store {
    /// Begins a reclaim. Whoever asks for the recovery points must do so after this: what is
    /// committed from now on counts as needed.
    pub fn begin_reclaim(&self) -> Marking<'static> {
        let lease = self.lease(Vec::new());
        let sealed = |segment: &Segment| matches!(segment.state, State::Sealed { .. });
        let sealed = lock(&self.inner.segments).sorted().into_iter().filter(sealed).collect();
        Marking { inner: self.inner.clone(), lease, duty: Duty::FULL, sealed }
    }
}

impl<'a> Marking<'a> {
    /// The same with rests, in marking and in all that follows.
    pub fn at(self, duty: Duty<'a>) -> Self {
        Self { duty, ..self }
    }

    /// Marks what these records lead to: those of all recovery points. `go_on` is asked from time
    /// to time. There is no way on from a marking that did not come to its end: it is known of
    /// nothing then that it is not needed.
    ///
    /// # Errors
    /// `Interrupted`, and whatever stands in the way of reading a manifest.
    pub async fn mark(
        self,
        mut roots: Vec<Digest>,
        go_on: &mut (dyn FnMut(Reclaiming) -> bool + Send),
    ) -> Result<Reclaim<'a>> {
        let Self { inner, lease, duty, sealed } = self;
        roots.extend(lock(&inner.uses).roots());
        let live =
            inner.mark(roots, duty, &mut |marked| go_on(Reclaiming::Marking(marked))).await?;
        Ok(Reclaim { inner, lease, duty, sealed, live, arrangement: Arrangement::default() })
    }
}

impl Reclaim<'_> {
    /// What marking found.
    pub fn marked(&self) -> Marked {
        self.live.marked
    }

    /// What [`run`](Self::run) would do now.
    pub fn plan(&self, options: &ReclaimOptions) -> ReclaimPlan {
        let all = self.victims(0);
        let victims = self.chosen(options);
        let sum = |list: &[Victim], bytes: fn(&Victim) -> u64| list.iter().map(bytes).sum();
        let short = self.short(&self.dead(options), options);
        ReclaimPlan {
            segments: self.sealed.len() as u64,
            victims: victims.len() as u64,
            move_bytes: sum(&victims, |victim| victim.live_bytes),
            free_bytes: sum(&victims, |victim| victim.dead_bytes),
            dead_bytes: sum(&all, |victim| victim.dead_bytes),
            rewritten: self.arrangement.rewritten.len() as u64,
            squeezed: self.arrangement.squeezed.len() as u64,
            merged: short.segments.len() as u64,
            merged_bytes: short.gained * u64::from(self.inner.geometry.segment_bytes()),
        }
    }

    /// Moves and retires, as far as there is room: what is retired gives its own back only when
    /// it is released. `go_on` is asked from time to time; what was retired until it says no stays
    /// so.
    ///
    /// # Errors
    /// `Full` when there was no room to empty even one segment. `Interrupted`.
    pub async fn run(
        self,
        options: &ReclaimOptions,
        resealer: &mut dyn Resealer,
        go_on: &mut (dyn FnMut(Reclaiming) -> bool + Send),
    ) -> Result<Reclaimed> {
        let mut victims = self.chosen(options);
        let of_bytes = victims.iter().map(|victim| victim.live_bytes).sum();
        let numbers: HashSet<u32> = victims.iter().map(|victim| victim.number).collect();
        let mut mover = Mover::new(&self.inner, self.duty, resealer, &self.arrangement, &numbers);
        let mut told = |done: &Reclaimed| {
            go_on(Reclaiming::Moving { done_bytes: done.moved_bytes.min(of_bytes), of_bytes })
        };
        let tenant = |victim: &Victim| victim.segment.place.info.tenant;
        if of_bytes <= self.inner.free_bytes() {
            victims.sort_by_key(|victim| (victim.last, tenant(victim)));
            mover.follow(&victims, options.age, &mut told).await?;
        } else {
            // What can be retired with what room there is comes before any order.
            victims.retain(|victim| !self.arrangement.wants(victim.number));
            victims.sort_by_key(|victim| (tenant(victim), victim.live_bytes));
            mover.retire_all(&victims, options.age, &mut told).await?;
        }
        mover.finish().await?;
        let done = mover.done;
        drop(self.lease);
        if done.short_of_room && done.retired_segments == 0 {
            return Err(StoreError::Full);
        }
        go_on(Reclaiming::Moving { done_bytes: of_bytes, of_bytes });
        Ok(done)
    }
}
