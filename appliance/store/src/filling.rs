//! A segment being filled.
//!
//! Bytes gather in a slab (one group of the hash tree) and go to the disks when it is full, or
//! when a commit needs them there. What was handed over to the disks is never rewritten: a commit
//! in the middle of a slab pads to the next block.
//!
//! State changes in one go, between two waits: whoever stops waiting for an append has appended
//! or has not.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use disk::{Buffer, SharedBuffer};
use format::layout::Fixed;
use format::log::{EntryGroup, GroupHeader, NO_SLOT, SealedSegment, SegmentPlace, group_bytes};
use format::segment::{
    Entry, Footer, GROUP_BYTES, MAX_RECORDS, MAX_REFS, SEGMENT_DATA, SUITE_AES_GCM_BLAKE3,
    SegmentHeader, SegmentInfo, footer_bytes, record_checksum,
};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use model::{BLOCK, SegmentId};

use crate::create::SLABS;
use crate::index::Place;
use crate::members::{Member, Slots, lock, padded};
use crate::planted::{Bug, planted};
use crate::segments::{OpenSegment, Segment, State, number};
use crate::store::Inner;
use crate::writer::{NewRecord, RecordPlace, WriterKeys};
use crate::{Result, StoreError};

/// Slabs of one writer that are on their way to the disks: enough to keep a disk busy.
const SLABS_IN_FLIGHT: usize = 4;

/// What a writer hands to a commit.
#[derive(Debug, Default)]
pub(crate) struct Drained {
    pub(crate) opened: Vec<SegmentPlace>,
    pub(crate) groups: Vec<EntryGroup>,
    pub(crate) closed: Vec<Closed>,
    /// How many entries of each segment are durable after the commit.
    pub(crate) ends: Vec<(Arc<OpenSegment>, usize)>,
}

/// A segment whose footer has been written.
#[derive(Debug)]
pub(crate) struct Closed {
    pub(crate) sealed: SealedSegment,
    pub(crate) records: u32,
    pub(crate) body_end: u32,
}

#[derive(Default)]
pub(crate) struct WriterState {
    current: Option<Current>,
    drained: Drained,
    in_flight: FuturesUnordered<BoxFuture<'static, Result<()>>>,
    /// Somebody was told where the next record goes and has not appended it.
    promised: bool,
}

impl fmt::Debug for WriterState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WriterState({} in flight)", self.in_flight.len())
    }
}

/// The segment being filled. Offsets are from its start.
struct Current {
    place: SegmentPlace,
    open: Arc<OpenSegment>,
    slab: Buffer,
    slab_start: u32,
    /// End of what has been put into the slab.
    filled: u32,
    /// End of what has been handed to the disks.
    submitted: u32,
    /// End of the last record.
    body_end: u32,
    groups: Vec<[u8; 32]>,
    /// Entries that a commit has been given.
    handed: usize,
}

impl WriterState {
    pub(crate) fn make_room(
        &mut self,
        inner: &Arc<Inner>,
        keys: &WriterKeys,
        length: usize,
    ) -> Result<RecordPlace> {
        inner.check_writable()?;
        let segment_bytes = inner.geometry.segment_bytes() as usize;
        let limit = segment_bytes - BLOCK - footer_bytes(1, segment_bytes.div_ceil(GROUP_BYTES));
        if length > limit {
            return Err(StoreError::TooLarge { what: "a record", bytes: length, limit });
        }
        let goes_on =
            |current: &Current| current.fits(length, segment_bytes) && !current.lacks_copy(inner);
        if self.current.as_ref().is_some_and(|current| !goes_on(current)) {
            self.seal(inner);
        }
        let current = match &self.current {
            Some(current) => current,
            None => self.current.insert(Current::open(inner, keys)?),
        };
        let record = lock(&current.open.entries).len() as u32;
        self.promised = true;
        Ok(RecordPlace { info: current.place.info, record })
    }

    pub(crate) async fn append(&mut self, inner: &Arc<Inner>, record: NewRecord<'_>) -> Result<()> {
        let limit = MAX_REFS as usize;
        if record.refs > limit {
            let what = "a list of references";
            return Err(StoreError::TooLarge { what, bytes: record.refs, limit });
        }
        while self.in_flight.len() >= SLABS_IN_FLIGHT {
            self.in_flight.next().await.transpose()?;
        }
        inner.check_writable()?;
        let current = self.current.as_ref().ok_or(StoreError::Stopped)?;
        let (bytes, limit) = (record.stored.len(), inner.geometry.segment_bytes() as usize);
        if !current.fits(bytes, limit) {
            return Err(StoreError::TooLarge { what: "a record", bytes, limit });
        }
        let entry = Entry {
            digest: record.digest,
            offset: current.filled,
            length: record.stored.len() as u32,
            refs: record.refs as u16,
            kind: record.kind as u8,
            reserved: [0; 5],
            checksum: record_checksum(record.stored),
        };
        self.fill(inner, record.stored);
        self.promised = false;
        let current = self.current.as_mut().ok_or(StoreError::Stopped)?;
        current.body_end = current.filled;
        let segment = number(current.place.info.segment);
        let position = current.open.push(entry);
        let place = Place { segment, record: position as u16 };
        inner.index.insert(&record.digest, place);
        lock(&inner.uses).touch(place);
        self.start_writes().await
    }

    /// Copies bytes into slabs, handing full ones to the disks.
    fn fill(&mut self, inner: &Arc<Inner>, mut bytes: &[u8]) {
        while let Some(current) = self.current.as_mut().filter(|_| !bytes.is_empty()) {
            let at = (current.filled - current.slab_start) as usize;
            let take = bytes.len().min(current.slab.len() - at);
            let (now, later) = bytes.split_at(take);
            if let Some(room) = current.slab.get_mut(at..at + take) {
                room.copy_from_slice(now);
            }
            current.filled += take as u32;
            bytes = later;
            if at + take == current.slab.len() {
                self.next_slab(inner);
            }
        }
    }

    /// Hands the full slab over and takes an empty one.
    fn next_slab(&mut self, inner: &Arc<Inner>) {
        let Some(current) = self.current.as_mut() else { return };
        current.groups.push(*blake3::hash(&current.slab).as_bytes());
        let fresh_start = current.slab_start + current.slab.len() as u32;
        let full = std::mem::replace(&mut current.slab, inner.slab()).freeze();
        let done = (current.submitted - current.slab_start) as usize;
        let (slots, offset) = (current.place.slots, current.submitted);
        current.slab_start = fresh_start;
        current.submitted = fresh_start;
        if done < full.len() {
            self.submit(inner, slots, offset, full.slice(done..full.len()));
        }
    }

    /// Hands the part of the slab that the disks do not have yet to them, padded to a block.
    fn submit_rest(&mut self, inner: &Arc<Inner>) {
        let Some(current) = self.current.as_mut() else { return };
        if current.filled == current.submitted {
            return;
        }
        let from = (current.submitted - current.slab_start) as usize;
        let to = (current.filled - current.slab_start) as usize;
        let padded_to = to.next_multiple_of(BLOCK);
        if let Some(padding) = current.slab.get_mut(to..padded_to) {
            padding.fill(0);
        }
        let rest = padded(current.slab.get(from..padded_to).unwrap_or_default());
        let (slots, offset) = (current.place.slots, current.submitted);
        current.filled = current.slab_start + padded_to as u32;
        current.submitted = current.filled;
        let full = padded_to == current.slab.len();
        self.submit(inner, slots, offset, rest);
        if full {
            self.next_slab(inner);
        }
    }

    fn submit(&mut self, inner: &Arc<Inner>, slots: Slots, offset: u32, data: SharedBuffer) {
        // Not the store itself: it holds this list, and must end although nobody polls it any more.
        let members = inner.members.clone();
        self.in_flight.push(Box::pin(async move {
            let place = |number: usize, member: &Member| {
                let slot = slots.get(number).copied().unwrap_or(NO_SLOT);
                (slot != NO_SLOT).then(|| member.segment_offset(slot, offset))
            };
            members.write(&data, place).await
        }));
    }

    /// A write begins when it is first polled: begins those that were submitted. Does not wait.
    async fn start_writes(&mut self) -> Result<()> {
        std::future::poll_fn(|cx| {
            while let Poll::Ready(Some(outcome)) = self.in_flight.poll_next_unpin(cx) {
                if outcome.is_err() {
                    return Poll::Ready(outcome);
                }
            }
            Poll::Ready(Ok(()))
        })
        .await
    }

    /// Whether this segment is the one being filled, or still on its way to the disks.
    pub(crate) fn fills(&self, segment: SegmentId) -> bool {
        let current = self.current.as_ref().map(|current| current.place.info.segment);
        let mut closed = self.drained.closed.iter().map(|closed| closed.sealed.segment);
        current == Some(segment) || closed.any(|closed| closed == segment)
    }

    /// Waits until everything that was appended can be read from the disks.
    pub(crate) async fn bring_to_disk(&mut self, inner: &Arc<Inner>) -> Result<()> {
        self.submit_rest(inner);
        while let Some(outcome) = self.in_flight.next().await {
            outcome?;
        }
        Ok(())
    }

    /// Brings everything to the disks and gives what a commit has to say about it.
    pub(crate) async fn drain(&mut self, inner: &Arc<Inner>) -> Result<Drained> {
        self.bring_to_disk(inner).await?;
        self.hand_over();
        Ok(std::mem::take(&mut self.drained))
    }

    /// Ends the current segment with its footer; one without records is kept for the next.
    pub(crate) fn seal(&mut self, inner: &Arc<Inner>) {
        let sealable = |current: &mut Current| !lock(&current.open.entries).is_empty();
        self.submit_rest(inner);
        self.hand_over();
        let Some(mut current) = self.current.take_if(sealable) else { return };
        if current.filled > current.slab_start {
            let last = (current.filled - current.slab_start) as usize;
            let group = current.slab.get(..last).unwrap_or_default();
            current.groups.push(*blake3::hash(group).as_bytes());
        }
        let entries = lock(&current.open.entries).clone();
        let (info, segment_bytes) = (&current.place.info, inner.geometry.segment_bytes());
        let footer = Footer::build(
            inner.pool_id,
            info,
            segment_bytes,
            current.body_end,
            &entries,
            &current.groups,
        );
        let bytes = padded(&footer.bytes);
        self.submit(inner, current.place.slots, footer.trailer.entries_offset, bytes);
        self.drained.closed.push(Closed {
            sealed: SealedSegment { segment: info.segment, trailer: footer.trailer.checksum },
            records: entries.len() as u32,
            body_end: current.body_end,
        });
    }

    /// Ends the current segment if a disk that is in service now has no copy of it, so that its
    /// copy can be made. Not while somebody seals for a place in it. True if a segment has ended
    /// that the next commit makes known.
    pub(crate) async fn roll(&mut self, inner: &Arc<Inner>, busy: bool) -> Result<bool> {
        let lacks = self.current.as_ref().is_some_and(|current| current.lacks_copy(inner));
        if !lacks || busy && self.promised {
            return Ok(!self.drained.closed.is_empty());
        }
        self.bring_to_disk(inner).await?;
        self.seal(inner);
        // What is left has no records: nothing names it.
        if let Some(empty) = self.current.take_if(|current| current.handed == 0) {
            lock(&inner.segments).remove(empty.place.info.segment);
            inner.members.give_slots(&empty.place.slots);
        }
        Ok(true)
    }

    /// Moves entries that no commit has seen yet to where the next one finds them.
    fn hand_over(&mut self) {
        let Some(current) = self.current.as_mut() else { return };
        let entries = lock(&current.open.entries);
        let fresh = entries.get(current.handed..).unwrap_or_default().to_vec();
        if fresh.is_empty() {
            return;
        }
        if current.handed == 0 {
            self.drained.opened.push(current.place);
        }
        let header = GroupHeader {
            segment: current.place.info.segment,
            first_record: current.handed as u32,
            count: fresh.len() as u32,
            body_end: current.body_end,
            reserved: 0,
        };
        current.handed = entries.len();
        self.drained.groups.push(EntryGroup { header, entries: fresh });
        self.drained.ends.push((current.open.clone(), current.handed));
    }
}

impl Current {
    fn open(inner: &Arc<Inner>, keys: &WriterKeys) -> Result<Self> {
        let reserve = match keys.moves {
            true => inner.checkpoint_reserve(),
            false => inner.reserve(),
        };
        let segment = inner.take_segment_id();
        let mut salt = [0; 32];
        inner.entropy.fill(&mut salt);
        if planted(Bug::SaltRepeats) {
            salt = *blake3::hash(&segment.0.to_le_bytes()).as_bytes();
        }
        let info = SegmentInfo {
            segment,
            epoch: inner.current_epoch(),
            tenant: keys.tenant,
            data_key: keys.data_key,
            kind: SEGMENT_DATA,
            suite: SUITE_AES_GCM_BLAKE3,
            reserved: 0,
            salt,
            commitment: (keys.commitment)(&salt),
        };
        let open: Arc<OpenSegment> = Arc::default();
        // In one go, so that a disk that comes into service sees every segment without its copy.
        let mut segments = lock(&inner.segments);
        let slots = inner.members.take_slots(reserve)?;
        let place = SegmentPlace { info, slots };
        segments.insert(Segment { place, state: State::Open(open.clone()) });
        drop(segments);
        let mut slab = inner.slab();
        if let Some(first) = slab.get_mut(..BLOCK) {
            first.copy_from_slice(&SegmentHeader::encode(inner.pool_id, &info));
        }
        inner.pending_bytes.fetch_add(group_bytes(0) + SegmentPlace::SIZE + 128, Ordering::AcqRel);
        Ok(Self {
            place,
            open,
            slab,
            slab_start: 0,
            filled: BLOCK as u32,
            submitted: 0,
            body_end: BLOCK as u32,
            groups: Vec::new(),
            handed: 0,
        })
    }

    /// Whether a disk that is in service now has no slot for this segment.
    fn lacks_copy(&self, inner: &Inner) -> bool {
        inner.members.active().any(|(number, _)| self.place.slots.get(number) == Some(&NO_SLOT))
    }

    fn fits(&self, length: usize, segment_bytes: usize) -> bool {
        fits(lock(&self.open.entries).len(), self.filled as usize, length, segment_bytes)
    }
}

/// Whether a record fits into a segment that has some records and is filled so far, also if a
/// commit pads to the next block before it comes.
pub(crate) fn fits(records: usize, filled: usize, length: usize, segment_bytes: usize) -> bool {
    let end = filled.next_multiple_of(BLOCK) + length;
    let footer = footer_bytes(records + 1, end.div_ceil(GROUP_BYTES));
    records < MAX_RECORDS as usize && end.next_multiple_of(BLOCK) + footer <= segment_bytes
}

impl Inner {
    /// Room for a group. Writers that nobody works with hold slabs too: they may have half of the
    /// common ones, so that readers never wait for ever, and the rest is taken from elsewhere.
    fn slab(&self) -> Buffer {
        let buffers = self.buffers();
        let common = (buffers.free() > SLABS / 2).then(|| buffers.try_acquire());
        common.flatten().unwrap_or_else(|| Buffer::zeroed(buffers.slab_bytes()))
    }
}

/// Bytes of a slab: a group of the hash tree, or the whole of a smaller segment.
pub(crate) fn slab_bytes(segment_bytes: u32) -> usize {
    GROUP_BYTES.min(segment_bytes as usize)
}
