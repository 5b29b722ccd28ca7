//! Giving a disk that came into the pool its copies of what was there before.
//!
//! Nothing that a table says about such a disk counts. What lies on it is looked for by its own
//! headers and believed if every byte of it has the hashes of the footer that the log names; the
//! rest is copied from disks that have it, group by group against the same hashes, made durable and
//! read back. Only then a commit names the copies, so that what is done stays done.
//!
//! Runs beside everything else: sealed segments do not change. One being filled is left to its
//! writer, which goes on in a segment that is on all disks and ends the other.

use std::collections::HashMap;

use format::log::{Commit, CopiedSegment, NO_SLOT};
use format::segment::{SegmentHeader, SegmentInfo};
use model::{BLOCK, Digest, SegmentId, Sequence};

use crate::copying::Made;
use crate::members::{Member, lock};
use crate::pace::Pace;
use crate::planted::{Bug, planted};
use crate::segments::{Segment, State, number as number_of};
use crate::store::{Inner, Store};
use crate::{Result, StoreError};

/// Segments that one flush and one commit make durable.
const BATCH: usize = 4;

/// Slots without a header of this pool after which the search for what a disk still holds ends:
/// slots are used from the lowest, so behind so many there is hardly anything.
const MISSES: u32 = 256;

/// Lost records that a resync names; a scrub names all of them.
pub const MAX_LOST: usize = 1000;

/// How far a resync is, and what it found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resynced {
    /// Bytes of the copies that were lacking when it began, and of those that are there now.
    pub bytes_total: u64,
    pub bytes_done: u64,
    /// Segments that were copied.
    pub copied: u64,
    /// Segments that were on the disk already and were right.
    pub kept: u64,
    /// Records that no disk has intact: their places in the copies are zeroes.
    pub lost_records: u64,
    /// The first [`MAX_LOST`] of them.
    pub lost: Vec<Digest>,
    /// Segments whose list of records no disk has intact: copied as they are.
    pub unreadable: u64,
    /// Every disk in service has everything. If not, it was stopped, or a writer is still filling
    /// a segment that is not on all disks: then try again when it has gone on.
    pub complete: bool,
}

/// Slots of one disk that were taken and that nothing names yet; given back in the end.
pub(crate) struct Claimed<'a> {
    pub(crate) member: &'a Member,
    pub(crate) slots: Vec<u32>,
}

impl Drop for Claimed<'_> {
    fn drop(&mut self) {
        let mut free = lock(&self.member.free);
        self.slots.drain(..).for_each(|slot| free.give(slot));
    }
}

impl Claimed<'_> {
    /// Something durable names this slot now.
    fn keep(&mut self, slot: u32) {
        self.slots.retain(|other| *other != slot);
    }
}

impl Store {
    /// Gives every disk in service what it lacks, at this pace. `go_on` is asked between segments;
    /// when it says no, what was done by then is kept. Where several disks lack something, they
    /// come one after the other.
    ///
    /// # Errors
    /// `Full` when a disk has no room for a copy, `LeftBehind` when a disk does not take it.
    pub async fn resync(
        &self,
        mut pace: Pace<'_>,
        mut go_on: impl FnMut(&Resynced) -> bool,
    ) -> Result<Resynced> {
        let inner = &self.inner;
        inner.begin().await?;
        // What is copied from keeps its slots, also when it is retired meanwhile.
        let _lease = self.lease(Vec::new());
        let mut done = Resynced::default();
        for (number, _) in inner.members.syncing() {
            let segments = lock(&inner.segments);
            let bytes = segments.lacking(number).map(Segment::stored_bytes);
            done.bytes_total += bytes.sum::<u64>();
        }
        while let Some((number, member)) = inner.members.syncing().next() {
            if !self.resync_member(number, member, &mut pace, &mut done, &mut go_on).await? {
                return Ok(done);
            }
        }
        done.complete = true;
        Ok(done)
    }

    /// True when the disk has everything.
    async fn resync_member(
        &self,
        number: usize,
        member: &Member,
        pace: &mut Pace<'_>,
        done: &mut Resynced,
        go_on: &mut impl FnMut(&Resynced) -> bool,
    ) -> Result<bool> {
        let inner = &self.inner;
        let mut claimed = Claimed { member, slots: Vec::new() };
        let found = inner.find_copies(number, &mut claimed, pace, || go_on(done)).await;
        let Some(mut held) = found else { return Ok(false) };
        loop {
            let batch = inner.next_batch(number);
            if batch.is_empty() || planted(Bug::CompleteEarly) {
                if inner.activate(number).await? {
                    return Ok(true);
                }
                if !self.roll_writers().await? {
                    return Ok(false);
                }
                continue;
            }
            let mut made = Vec::new();
            for segment in batch {
                if !go_on(done) {
                    return Ok(false);
                }
                let found = held.remove(&segment.place.info.segment);
                made.push(inner.copy(segment, number, found, &mut claimed, pace).await?);
            }
            inner.make_durable(member, &made, pace).await?;
            inner.name_copies(number, made, &mut claimed, done).await?;
        }
    }

    /// Ends segments that are being filled and are not on all disks in service. True if there were
    /// any.
    async fn roll_writers(&self) -> Result<bool> {
        let inner = &self.inner;
        let writers: Vec<_> =
            lock(&inner.writers).iter().map(|slot| (slot.busy, slot.state.clone())).collect();
        let mut rolled = false;
        for (busy, writer) in writers {
            let result = writer.lock().await.roll(inner, busy).await;
            rolled |= inner.stop_on_error(result)?;
        }
        if rolled {
            self.commit(Vec::new()).await?;
        }
        Ok(rolled)
    }
}

impl Inner {
    /// Copies that lie on a disk and that nothing names, by their headers. Their slots are claimed.
    /// `None` when it was stopped.
    async fn find_copies(
        &self,
        number: usize,
        claimed: &mut Claimed<'_>,
        pace: &mut Pace<'_>,
        mut go_on: impl FnMut() -> bool,
    ) -> Option<HashMap<SegmentId, u32>> {
        let member = claimed.member;
        let mut wanted: HashMap<SegmentId, SegmentInfo> = HashMap::new();
        for segment in lock(&self.segments).lacking(number) {
            if matches!(segment.state, State::Sealed { .. }) {
                wanted.insert(segment.place.info.segment, segment.place.info);
            }
        }
        let (mut found, mut misses) = (HashMap::new(), 0);
        for slot in 0..member.geometry.segment_slots() {
            if misses > MISSES || wanted.is_empty() {
                break;
            }
            if !lock(&member.free).is_free(slot) {
                continue;
            }
            if !go_on() {
                return None;
            }
            misses += 1;
            let begun = pace.begin(self);
            let block = member.read(member.segment_offset(slot, 0), BLOCK).await;
            pace.end(begun, self, 0).await;
            let header = block.ok().and_then(|b| SegmentHeader::decode(&b, self.pool_id).ok());
            let Some(info) = header else { continue };
            misses = 0;
            let right = wanted.get(&info.segment) == Some(&info);
            if right && lock(&member.free).claim(slot) {
                claimed.slots.push(slot);
                wanted.remove(&info.segment);
                found.insert(info.segment, slot);
            }
        }
        Some(found)
    }

    /// The next segments without a writer that a member lacks, in order.
    fn next_batch(&self, number: usize) -> Vec<Segment> {
        let segments = lock(&self.segments);
        let closed = segments.lacking(number).filter(|s| !matches!(s.state, State::Open(_)));
        let mut batch: Vec<Segment> = closed.cloned().collect();
        batch.sort_by_key(|segment| segment.place.info.segment);
        batch.truncate(BATCH);
        batch
    }

    /// Commits the places of copies. Those of segments that are gone by now are given up.
    async fn name_copies(
        &self,
        number: usize,
        made: Vec<Made>,
        claimed: &mut Claimed<'_>,
        done: &mut Resynced,
    ) -> Result<()> {
        let mut log = self.log.lock().await;
        self.check_writable()?;
        self.make_log_room(&mut log, self.round_bytes()).await?;
        let lacks = |segment: &SegmentId| {
            let segments = lock(&self.segments);
            let found = segments.get(number_of(*segment));
            found.is_some_and(|found| found.place.slots.get(number) == Some(&NO_SLOT))
        };
        let made: Vec<Made> = made.into_iter().filter(|made| lacks(&made.segment)).collect();
        let copied = made.iter().map(|made| {
            let (segment, slot) = (made.segment, made.slot);
            CopiedSegment { segment, member: number as u32, slot }
        });
        let commit = Commit { copied: copied.collect(), ..Commit::default() };
        self.all_or_stop(async {
            self.append_log(&mut log, Some(&commit)).await?;
            self.members.flush().await?;
            self.note_failed_members(&mut log).await
        })
        .await?;
        log.durable = Sequence(log.next.0 - 1);
        for made in made {
            if let Some(segment) = lock(&self.segments).get_mut(made.segment)
                && let Some(slot) = segment.place.slots.get_mut(number)
            {
                *slot = made.slot;
                claimed.keep(made.slot);
            }
            done.bytes_done += made.bytes;
            done.kept += u64::from(made.kept);
            done.copied += u64::from(!made.kept);
            done.unreadable += u64::from(made.unreadable);
            done.lost_records += made.lost.len() as u64;
            let room = MAX_LOST.saturating_sub(done.lost.len());
            done.lost.extend(made.lost.into_iter().take(room));
        }
        if self.wants_checkpoint(&log) {
            match self.checkpoint(&mut log, false).await {
                Ok(()) | Err(StoreError::Full | StoreError::TooLarge { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Counts a disk as complete, durably, if it lacks nothing.
    async fn activate(&self, number: usize) -> Result<bool> {
        let mut log = self.log.lock().await;
        self.check_writable()?;
        let lacking = lock(&self.segments).is_lacking(number);
        let member = self.members.get(number).ok_or(StoreError::NoMember { member: number })?;
        if !member.is_active() {
            return Err(StoreError::LeftBehind { disk: member.disk.name().to_owned() });
        }
        if lacking && !planted(Bug::CompleteEarly) {
            return Ok(false);
        }
        member.complete();
        lock(&member.free).take_highest(false);
        // With a checkpoint: a superblock that names an older one would make the other disk look
        // as if it had missed what the log has since.
        let listed = self.checkpoint(&mut log, false).await;
        if listed.is_err() {
            // It has everything, and nothing that says so.
            member.lacks();
        }
        listed?;
        self.all_or_stop(self.note_failed_members(&mut log)).await?;
        Ok(true)
    }
}
