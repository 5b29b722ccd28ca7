//! A scrub in steps of one segment, which can be left at any moment and gone on with later.
//!
//! A scrub is a pass over all segments in the order of their numbers. Each run of it takes those
//! first that were never read back since they were written, the oldest of them first: what a disk
//! got wrong when it wrote is found while the other copy is still fresh, and the source perhaps
//! still there. Where it is, is two numbers ([`ScrubPlace`]), kept by whoever runs it. They follow
//! what was read, never what was handed out: a run that dies reads a few segments twice, and leaves
//! out none.

use model::SegmentId;

use crate::Result;
use crate::batch::RecordView;
use crate::duty::Duty;
use crate::members::lock;
use crate::planted::{Bug, planted};
use crate::scrub::Scrubbed;
use crate::segments::number;
use crate::store::Store;
use crate::sync::Mutex;

/// How far a scrub is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScrubPlace {
    /// The pass has read all segments below this one; 0 when it is done.
    pub next: u64,
    /// All segments below this one have been read back from every disk since they were written.
    pub verified_below: u64,
}

impl ScrubPlace {
    /// Nothing was ever read.
    pub const START: Self = Self { next: 1, verified_below: 1 };

    /// Where the pass after a finished one begins.
    pub fn again(self) -> Self {
        Self { next: 1, ..self }
    }

    pub fn is_done(self) -> bool {
        self.next == 0
    }
}

/// What a run of a scrub is to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScrubWhat {
    /// What was not read back yet, then the rest of the pass.
    All,
    /// Only what was not read back yet.
    New,
}

/// One run of a scrub. Several workers may take steps at once.
#[derive(Debug)]
pub struct ScrubRun {
    store: Store,
    from: ScrubPlace,
    walk: Mutex<Walk>,
}

#[derive(Debug)]
struct Walk {
    queue: Vec<u64>,
    /// So many at the start of the queue were not read back before.
    new: usize,
    /// The end of the queue is the end of the pass.
    ends: bool,
    /// Handed out.
    taken: usize,
    /// All of the queue before this was read.
    through: usize,
    /// What became of those that were: read, and on every disk.
    read: Vec<Option<bool>>,
}

impl ScrubRun {
    /// Plans a run that goes on from a place. Segments that come later are for the next run.
    pub async fn begin(store: &Store, from: ScrubPlace, what: ScrubWhat) -> Result<Self> {
        // What an earlier opening left gets its footers first, so that they are read too.
        store.inner.begin().await?;
        let list: Vec<u64> = store.segment_list().into_iter().map(|segment| segment.0).collect();
        let whole = store.inner.members.is_whole();
        Ok(Self { store: store.clone(), from, walk: Mutex::new(plan(&list, from, what, whole)) })
    }

    /// Reads one segment, as [`Store::scrub_segment`] does; `None` when none is left.
    pub async fn step(
        &self,
        duty: Duty<'_>,
        check: impl FnMut(RecordView<'_>) -> bool,
    ) -> Result<Option<Scrubbed>> {
        let Some((turn, segment)) = lock(&self.walk).take() else { return Ok(None) };
        let found = self.store.scrub_segment_at(SegmentId(segment), duty, check).await?;
        lock(&self.walk).read(turn, found.whole);
        Ok(Some(found))
    }

    /// Where to go on when this run ends here.
    pub fn place(&self) -> ScrubPlace {
        lock(&self.walk).place(self.from)
    }

    /// Bytes that this run has to read on all disks, all told; about.
    pub fn bytes(&self) -> u64 {
        let queue = lock(&self.walk).queue.clone();
        let segments = lock(&self.store.inner.segments);
        let stored = queue.into_iter().filter_map(|id| segments.get(number(SegmentId(id))));
        let one: u64 = stored.map(|segment| segment.stored_bytes()).sum();
        one * self.store.inner.members.active().count() as u64
    }
}

/// The order in which a run takes the segments of a list. Without a disk nothing can be read back
/// from all, and so nothing goes first.
fn plan(list: &[u64], from: ScrubPlace, what: ScrubWhat, whole: bool) -> Walk {
    let verified = if whole { from.verified_below } else { u64::MAX };
    let mut queue: Vec<u64> = list.iter().copied().filter(|id| *id >= verified).collect();
    let new = queue.len();
    let old = list.iter().copied().filter(|id| (from.next..verified).contains(id));
    let old: Vec<u64> = if from.is_done() { Vec::new() } else { old.collect() };
    let ends = what == ScrubWhat::All || old.is_empty();
    if what == ScrubWhat::All {
        queue.extend(old);
    }
    Walk { read: vec![None; queue.len()], queue, new, ends, taken: 0, through: 0 }
}

impl Walk {
    fn take(&mut self) -> Option<(usize, u64)> {
        let turn = self.taken;
        let segment = *self.queue.get(turn)?;
        self.taken += 1;
        Some((turn, segment))
    }

    fn read(&mut self, turn: usize, whole: bool) {
        if let Some(read) = self.read.get_mut(turn) {
            *read = Some(whole);
        }
        while self.read.get(self.through).copied().flatten().is_some() {
            self.through += 1;
        }
    }

    fn place(&self, from: ScrubPlace) -> ScrubPlace {
        let through = if planted(Bug::ScrubSkips) { self.taken } else { self.through };
        // A pass that has nothing old left goes along with what is new.
        let rides = from.next >= from.verified_below;
        let next = match self.queue.get(through) {
            _ if from.is_done() => 0,
            Some(segment) if through >= self.new || rides => *segment,
            None if self.ends => 0,
            _ => from.next,
        };
        ScrubPlace { next, verified_below: self.verified_below(from, through) }
    }

    /// As far as new segments were read from every disk without one left out. What a writer still
    /// appends to is not.
    fn verified_below(&self, from: ScrubPlace, through: usize) -> u64 {
        let new = self.queue.iter().zip(&self.read).take(through.min(self.new));
        let whole = new.take_while(|(_, read)| **read != Some(false));
        whole.last().map_or(from.verified_below, |(segment, _)| segment + 1)
    }
}

#[cfg(test)]
mod tests;
