//! The segments that hold records, and what is in each: from memory for the open ones, from their
//! footers for the others.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use disk::Buffer;
use format::FormatError;
use format::log::{NO_SLOT, SegmentPlace};
use format::segment::{Entry, GROUP_BYTES, SegmentTrailer, footer_bytes};
use model::{BLOCK, Digest, SegmentId};

use crate::index::Place;
use crate::members::{Member, lock};
use crate::recovered::check_entries;
use crate::store::Inner;
use crate::sync::{AtomicUsize, Mutex};
use crate::{Result, StoreError};

/// Footers kept in memory, in bytes of entries. 32 MiB are the footers of about 18 GB of stored
/// data, so that a re-ingest in the order of the first reads each footer once.
const FOOTER_CACHE_BYTES: usize = 32 << 20;

/// One segment that holds records.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) place: SegmentPlace,
    pub(crate) state: State,
}

#[derive(Debug, Clone)]
pub(crate) enum State {
    /// A writer appends to it.
    Open(Arc<OpenSegment>),
    /// Its writer is gone and it has no footer yet.
    Unsealed { entries: Arc<Vec<Entry>>, body_end: u32 },
    /// It has a footer.
    Sealed { records: u32, body_end: u32, trailer: [u8; 32] },
}

impl Segment {
    /// Bytes that its records, header and footer take.
    pub(crate) fn stored_bytes(&self) -> u64 {
        u64::from(self.contents().1) + self.footer_bytes() as u64
    }

    /// Bytes of its footer, with the trailer, when it has these records and no more.
    fn footer_bytes(&self) -> usize {
        let (records, body_end) = self.contents();
        footer_bytes(records, (body_end as usize).div_ceil(GROUP_BYTES))
    }

    pub(crate) fn records(&self) -> usize {
        self.contents().0
    }

    /// Where its last record ends, in bytes from its start.
    pub(crate) fn body_end(&self) -> u32 {
        self.contents().1
    }

    /// How many records it has, and where the last ends.
    fn contents(&self) -> (usize, u32) {
        match &self.state {
            State::Open(open) => {
                let entries = lock(&open.entries);
                let end = entries.last().map_or(0, |entry| entry.offset + entry.length);
                (entries.len(), end)
            }
            State::Unsealed { entries, body_end } => (entries.len(), *body_end),
            State::Sealed { records, body_end, .. } => (*records as usize, *body_end),
        }
    }
}

/// What is in a segment that a writer appends to.
#[derive(Debug, Default)]
pub(crate) struct OpenSegment {
    pub(crate) entries: Mutex<Vec<Entry>>,
    /// How many of them are durable. Changes only under the log's lock.
    pub(crate) committed: AtomicUsize,
}

impl OpenSegment {
    /// Adds an entry and gives its number.
    pub(crate) fn push(&self, entry: Entry) -> usize {
        let mut entries = lock(&self.entries);
        entries.push(entry);
        entries.len() - 1
    }

    /// The durable entries.
    pub(crate) fn committed(&self) -> Vec<Entry> {
        let entries = lock(&self.entries);
        entries.iter().take(self.committed.load(Ordering::Acquire)).copied().collect()
    }
}

/// All segments by number.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    map: HashMap<u32, Segment>,
}

impl Segments {
    pub(crate) fn get(&self, segment: u32) -> Option<&Segment> {
        self.map.get(&segment)
    }

    pub(crate) fn get_mut(&mut self, segment: SegmentId) -> Option<&mut Segment> {
        self.map.get_mut(&number(segment))
    }

    pub(crate) fn insert(&mut self, segment: Segment) {
        self.map.insert(number(segment.place.info.segment), segment);
    }

    pub(crate) fn remove(&mut self, segment: SegmentId) -> Option<Segment> {
        self.map.remove(&number(segment))
    }

    /// Those with records that a member has no copy of.
    pub(crate) fn lacking(&self, member: usize) -> impl Iterator<Item = &Segment> {
        let lacks = move |segment: &&Segment| segment.place.slots.get(member) == Some(&NO_SLOT);
        self.map.values().filter(lacks).filter(|segment| segment.records() > 0)
    }

    /// Whether a member has no copy of some segment, be it one that nothing was appended to yet.
    pub(crate) fn is_lacking(&self, member: usize) -> bool {
        self.map.values().any(|segment| segment.place.slots.get(member) == Some(&NO_SLOT))
    }

    /// Forgets the slots of a member: nothing on it counts as a copy any more.
    pub(crate) fn forget_copies(&mut self, member: usize) {
        for segment in self.map.values_mut() {
            if let Some(slot) = segment.place.slots.get_mut(member) {
                *slot = NO_SLOT;
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    /// All of them, in order of their numbers.
    pub(crate) fn sorted(&self) -> Vec<Segment> {
        let mut all: Vec<_> = self.map.values().cloned().collect();
        all.sort_by_key(|segment| segment.place.info.segment);
        all
    }
}

/// The number that the index keeps: 2^32 segments of 16 MiB are 64 PiB written in the life of a
/// pool.
pub(crate) fn number(segment: SegmentId) -> u32 {
    segment.0 as u32
}

/// Footers read lately.
#[derive(Debug, Default)]
pub(crate) struct FooterCache {
    map: HashMap<u32, (Arc<Vec<Entry>>, u64)>,
    bytes: usize,
    clock: u64,
}

impl FooterCache {
    fn get(&mut self, segment: u32) -> Option<Arc<Vec<Entry>>> {
        self.clock += 1;
        let (entries, used) = self.map.get_mut(&segment)?;
        *used = self.clock;
        Some(entries.clone())
    }

    pub(crate) fn remove(&mut self, segment: u32) {
        if let Some((old, _)) = self.map.remove(&segment) {
            self.bytes -= size(&old);
        }
    }

    pub(crate) fn put(&mut self, segment: u32, entries: Arc<Vec<Entry>>) {
        self.clock += 1;
        self.bytes += size(&entries);
        if let Some((old, _)) = self.map.insert(segment, (entries, self.clock)) {
            self.bytes -= size(&old);
        }
        while self.bytes > FOOTER_CACHE_BYTES && self.map.len() > 1 {
            let oldest = self.map.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| *key);
            let Some((old, _)) = oldest.and_then(|key| self.map.remove(&key)) else { return };
            self.bytes -= size(&old);
        }
    }
}

fn size(entries: &[Entry]) -> usize {
    size_of_val(entries)
}

impl Inner {
    /// The record of this digest: where it is and how its entry reads. Of several the one that is
    /// not known to be damaged.
    pub(crate) async fn find(&self, digest: &Digest) -> Result<Option<(Place, Entry)>> {
        Ok(self.find_all(digest).await?.into_iter().next())
    }

    /// All records of this digest, those known to be damaged last.
    ///
    /// # Errors
    /// `Damaged` when none is found and some list of records could not be read.
    pub(crate) async fn find_all(&self, digest: &Digest) -> Result<Vec<(Place, Entry)>> {
        let mut trouble = None;
        let mut found = Vec::new();
        for place in self.index.candidates(digest) {
            match self.entry(place).await {
                Ok(Some(entry)) if entry.digest == *digest => found.push((place, entry)),
                Ok(_) => {}
                Err(_) => trouble = Some(self.damaged_record(digest, place)),
            }
        }
        let damaged = lock(&self.damaged);
        found.sort_by_key(|(place, _)| damaged.contains(place));
        trouble.filter(|_| found.is_empty()).map_or(Ok(found), Err)
    }

    /// Remembers that a record is damaged on every disk.
    pub(crate) fn damaged_record(&self, digest: &Digest, place: Place) -> StoreError {
        lock(&self.damaged).insert(place);
        StoreError::Damaged { digest: *digest, segment: SegmentId(u64::from(place.segment)) }
    }

    async fn entry(&self, place: Place) -> Result<Option<Entry>> {
        let record = usize::from(place.record);
        if let Some(entries) = lock(&self.footers).get(place.segment) {
            return Ok(entries.get(record).copied());
        }
        let Some(segment) = lock(&self.segments).get(place.segment).cloned() else {
            return Ok(None);
        };
        match &segment.state {
            State::Open(open) => Ok(lock(&open.entries).get(record).copied()),
            _ => Ok(self.entries(&segment).await?.get(record).copied()),
        }
    }

    /// All entries of a segment, read from any disk whose footer is intact.
    pub(crate) async fn entries(&self, segment: &Segment) -> Result<Arc<Vec<Entry>>> {
        let trailer = match &segment.state {
            State::Open(open) => return Ok(Arc::new(lock(&open.entries).clone())),
            State::Unsealed { entries, .. } => return Ok(entries.clone()),
            State::Sealed { trailer, .. } => trailer,
        };
        let segment_number = number(segment.place.info.segment);
        if let Some(entries) = lock(&self.footers).get(segment_number) {
            return Ok(entries);
        }
        for (number, _) in self.members.readers() {
            let Some((member, slot)) = self.holder(segment, number) else { continue };
            if let Ok(footer) = self.read_footer(member, slot, segment, trailer).await {
                let entries = Arc::new(footer);
                lock(&self.footers).put(segment_number, entries.clone());
                return Ok(entries);
            }
        }
        Err(StoreError::DamagedStructure { structure: "segment footer" })
    }

    /// Reads and checks the footer of one copy of a segment.
    pub(crate) async fn read_footer(
        &self,
        member: &Member,
        slot: u32,
        segment: &Segment,
        expected: &[u8; 32],
    ) -> Result<Vec<Entry>> {
        let damaged = |_: FormatError| StoreError::DamagedStructure { structure: "segment footer" };
        let (trailer, footer) = self.read_footer_bytes(member, slot, segment, expected).await?;
        let entries = trailer.entries(&footer).map_err(damaged)?;
        check_entries(&entries, trailer.body_end, self.geometry.segment_bytes())?;
        Ok(entries)
    }

    /// Reads one copy of a footer, of which only the trailer has been checked. The segment says how
    /// long it is, so that one transfer does.
    pub(crate) async fn read_footer_bytes(
        &self,
        member: &Member,
        slot: u32,
        segment: &Segment,
        expected: &[u8; 32],
    ) -> Result<(SegmentTrailer, Buffer)> {
        let damaged = StoreError::DamagedStructure { structure: "segment footer" };
        let end = self.geometry.segment_bytes();
        let footer = segment.footer_bytes();
        let start = u32::try_from(footer).ok().and_then(|footer| end.checked_sub(footer));
        let start = start.ok_or(damaged.clone())?;
        let buffer = member.read(member.segment_offset(slot, start), footer).await?;
        let last = buffer.last_chunk::<BLOCK>().ok_or(damaged.clone())?;
        let trailer = SegmentTrailer::decode(last, self.pool_id).map_err(|_| damaged.clone())?;
        let right = trailer.checksum == *expected
            && trailer.info == segment.place.info
            && trailer.entries_offset == start;
        if right { Ok((trailer, buffer)) } else { Err(damaged) }
    }
}
