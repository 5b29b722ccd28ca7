//! Segments on their way out: first nothing is found in them any more, later their slots are free.
//!
//! In between they stay as they are for two more generations of the superblock, so that whatever
//! recovery falls back to finds what it names, and for as long as the caller wants: what was moved
//! by mistake can be found by hand until then.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use format::checkpoint::{SEGMENT_RETIRED, SegmentRow};
use format::log::{Commit, NO_SLOT, ReleasedSegment, RetiredSegment};
use model::SegmentId;

use crate::Result;
use crate::members::lock;
use crate::planted::{Bug, planted};
use crate::queue::Changes;
use crate::segments::{Segment, State, number};
use crate::store::{Inner, Store};

/// Generations of the superblock for which a retired segment stays as it is: those that recovery
/// may fall back to.
const GENERATIONS: u64 = 2;

/// Segments that one log record releases at most.
const RELEASED_AT_ONCE: usize = 256;

#[derive(Debug, Clone)]
pub(crate) struct Retired {
    pub(crate) segment: Segment,
    /// The pool's age at that time, in seconds.
    age: u64,
    /// Of the superblock that was the newest then, as far as is known.
    generation: u64,
    /// The newest lease when nothing was found in it any more.
    lease: u64,
}

/// All retired segments by number.
pub(crate) type RetiredSegments = BTreeMap<u32, Retired>;

impl Store {
    /// Frees the slots of segments that were retired when the pool was younger than `before`, in
    /// seconds of its age. Gives how many.
    ///
    /// Those that were retired only lately need one or two more checkpoints first; these are
    /// written. A segment that was retired while somebody held a lease waits for its end.
    pub async fn release_retired(&self, before: u64) -> Result<u64> {
        let inner = &self.inner;
        inner.check_writable()?;
        inner.begin().await?;
        let due = |retired: &Retired| {
            retired.age <= before && !lock(&inner.uses).is_held_since(retired.lease)
        };
        if !lock(&inner.retired).values().any(due) {
            return Ok(0);
        }
        let generation = inner.age_retired(due).await?;
        // Others may have been retired since.
        let aged = |retired: &Retired| {
            retired.generation + GENERATIONS <= generation || planted(Bug::ReleasedUnaged)
        };
        let ready: Vec<_> = lock(&inner.retired)
            .iter()
            .filter(|(_, retired)| due(retired) && aged(retired))
            .map(|(segment, _)| ReleasedSegment { segment: SegmentId(u64::from(*segment)) })
            .collect();
        for released in ready.chunks(RELEASED_AT_ONCE) {
            let released = released.to_vec();
            inner.commit(Changes { released, ..Changes::default() }).await?;
        }
        Ok(ready.len() as u64)
    }
}

impl Inner {
    /// Writes checkpoints until recovery cannot fall back to before these were retired. Gives the
    /// generation of the superblock by then.
    async fn age_retired(self: &Arc<Self>, due: impl Fn(&Retired) -> bool) -> Result<u64> {
        let mut log = self.log.lock().await;
        loop {
            let newest = self.newest_retired(&due);
            if newest.is_none_or(|newest| newest + GENERATIONS <= log.generation) {
                return Ok(log.generation);
            }
            self.check_writable()?;
            self.checkpoint(&mut log, false).await?;
        }
    }

    /// The highest generation at which one of these was retired.
    fn newest_retired(&self, due: impl Fn(&Retired) -> bool) -> Option<u64> {
        let retired = lock(&self.retired);
        retired.values().filter(|retired| due(retired)).map(|r| r.generation).max()
    }

    /// Lets everyone see what a durable commit says about segments that go.
    pub(crate) fn publish_moves(&self, commit: &Commit, generation: u64) {
        self.retire(&commit.retired, generation);
        if !commit.retired.is_empty() {
            let gone = || commit.retired.iter().map(|retired| number(retired.segment));
            self.forget_retired(gone());
            self.wait_for_leases(gone());
        }
        for released in &commit.released {
            let gone = lock(&self.retired).remove(&number(released.segment));
            let aged = |gone: &Retired| gone.generation + GENERATIONS <= generation;
            debug_assert!(gone.as_ref().is_none_or(aged), "released too early");
            if let Some(gone) = gone.filter(|_| !planted(Bug::ReleasedEarly)) {
                self.members.give_slots(&gone.segment.place.slots);
            }
        }
    }

    /// Moves segments from those in which records are found to those on their way out.
    pub(crate) fn retire(&self, segments: &[RetiredSegment], generation: u64) {
        for RetiredSegment { segment: id, age } in segments {
            let gone = lock(&self.segments).get(number(*id)).cloned();
            if let Some(segment) = gone {
                if planted(Bug::ReleasedEarly) {
                    self.members.give_slots(&segment.place.slots);
                }
                let lease = lock(&self.uses).newest();
                let retired = Retired { segment, age: *age, generation, lease };
                if planted(Bug::NowhereForAMoment) {
                    lock(&self.segments).remove(*id);
                }
                // First in, then out: whoever reads from it finds it in one of the two.
                lock(&self.retired).insert(number(*id), retired);
                lock(&self.segments).remove(*id);
            }
        }
    }

    /// Nothing is found in these segments from here on; who has a lease by now may have found
    /// something.
    fn wait_for_leases(&self, segments: impl Iterator<Item = u32>) {
        let lease = lock(&self.uses).newest();
        let mut retired = lock(&self.retired);
        for segment in segments.filter(|_| !planted(Bug::LeaseSeenEarly)) {
            if let Some(retired) = retired.get_mut(&segment) {
                retired.lease = lease;
            }
        }
    }

    /// Takes what is in retired segments out of the memory of where things are.
    pub(crate) fn forget_retired(&self, segments: impl Iterator<Item = u32>) {
        let gone: HashSet<u32> = segments.collect();
        self.index.retain(|segment| !gone.contains(&segment));
        let mut footers = lock(&self.footers);
        gone.iter().for_each(|segment| footers.remove(*segment));
        drop(footers);
        lock(&self.damaged).retain(|place| !gone.contains(&place.segment));
        let mut uses = lock(&self.uses);
        gone.iter().for_each(|segment| uses.left(*segment));
    }

    /// Forgets the slots of a member: it is to hold other things there.
    pub(crate) fn forget_retired_copies(&self, member: usize) {
        for retired in lock(&self.retired).values_mut() {
            if let Some(slot) = retired.segment.place.slots.get_mut(member) {
                *slot = NO_SLOT;
            }
        }
    }

    /// A segment that was retired: it can be read until it is released.
    pub(crate) fn retired_segment(&self, segment: u32) -> Option<Segment> {
        lock(&self.retired).get(&segment).map(|retired| retired.segment.clone())
    }

    /// Retired segments as a checkpoint has them.
    pub(crate) fn retired_rows(&self) -> Vec<SegmentRow> {
        lock(&self.retired).values().map(row_of).collect()
    }

    /// Takes over a row of a checkpoint.
    pub(crate) fn adopt_retired(&self, segment: Segment, row: &SegmentRow, generation: u64) {
        let age = u64::from(row.retired);
        let retired = Retired { segment, age, generation, lease: 0 };
        lock(&self.retired).insert(number(row.info.segment), retired);
    }

    /// Bytes of the slots, on one disk, that will be free when all that is retired is released.
    pub(crate) fn retired_bytes(&self) -> u64 {
        lock(&self.retired).len() as u64 * u64::from(self.geometry.segment_bytes())
    }
}

fn row_of(retired: &Retired) -> SegmentRow {
    let (records, body_end, trailer) = match &retired.segment.state {
        State::Sealed { records, body_end, trailer } => (*records, *body_end, *trailer),
        // Its footer could not be read any more when the log was replayed: nobody needs it.
        State::Unsealed { entries, body_end } => (entries.len() as u32, *body_end, [0; 32]),
        State::Open(_) => (0, 0, [0; 32]),
    };
    SegmentRow {
        info: retired.segment.place.info,
        slots: retired.segment.place.slots,
        state: SEGMENT_RETIRED,
        reserved: [0; 3],
        records,
        body_end,
        retired: u32::try_from(retired.age).unwrap_or(u32::MAX),
        trailer,
    }
}
