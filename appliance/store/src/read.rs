//! Reading records: verified before anyone sees them, healed from the other disk when one copy
//! is bad.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use disk::Buffer;
use format::segment::{Entry, RecordKind, SegmentHeader, SegmentInfo, record_checksum};
use model::{BLOCK, Digest};

use crate::batch::RecordView;
use crate::index::Place;
use crate::members::{Member, covering, lock};
use crate::planted::{Bug, planted};
use crate::segments::{Segment, State, number as number_of};
use crate::store::{Inner, Store};
use crate::{Result, StoreError};

/// A record as it is stored.
#[derive(Debug)]
pub struct StoredRecord {
    pub digest: Digest,
    pub info: SegmentInfo,
    /// Number within the segment: the nonce.
    pub record: u32,
    kind: u8,
    refs: usize,
    buffer: Buffer,
    start: usize,
    length: usize,
}

impl StoredRecord {
    /// What the record is; `None` for a kind that this version does not know.
    pub fn kind(&self) -> Option<RecordKind> {
        RecordKind::from_number(self.kind)
    }

    /// The digests it refers to, 32 bytes each.
    pub fn refs(&self) -> &[u8] {
        self.stored().get(..self.refs * 32).unwrap_or_default()
    }

    /// The digests it refers to.
    pub fn ref_list(&self) -> Vec<Digest> {
        let refs = self.refs().chunks_exact(32);
        refs.filter_map(|bytes| bytes.try_into().ok().map(Digest)).collect()
    }

    /// The record as one who reads a batch sees it.
    pub fn view(&mut self) -> RecordView<'_> {
        let stored = self.buffer.get_mut(self.start..self.start + self.length);
        let (refs, payload) = stored.unwrap_or_default().split_at_mut(self.refs * 32);
        RecordView {
            digest: self.digest,
            info: &self.info,
            record: self.record,
            kind: self.kind,
            refs,
            payload,
        }
    }

    fn stored(&self) -> &[u8] {
        self.buffer.get(self.start..self.start + self.length).unwrap_or_default()
    }
}

impl Store {
    /// Reads a record and checks it by its checksum, on another disk if need be; bad copies are
    /// healed from a good one.
    pub async fn read(&self, digest: &Digest) -> Result<StoredRecord> {
        let _waited = self.inner.foreground.enter();
        self.inner.read(digest).await
    }
}

impl Inner {
    /// See [`Store::read`].
    pub(crate) async fn read(self: &Arc<Self>, digest: &Digest) -> Result<StoredRecord> {
        let mut outcome = Err(StoreError::Unknown { digest: *digest });
        for (place, entry) in self.find_all(digest).await? {
            outcome = self.read_place(place, &entry).await;
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    pub(crate) fn segment(&self, place: Place) -> Result<Segment> {
        let found = lock(&self.segments).get(place.segment).cloned();
        // Whoever found the place before the segment was retired finds its bytes untouched.
        found
            .or_else(|| self.retired_segment(place.segment))
            .ok_or(StoreError::DamagedStructure { structure: "segment table" })
    }

    async fn read_place(self: &Arc<Self>, place: Place, entry: &Entry) -> Result<StoredRecord> {
        let segment = self.segment(place)?;
        self.bring_to_disk(&segment, place).await?;
        let first = self.first_copy(&segment);
        match self.read_checked(&segment, place, entry, first).await {
            Ok(record) => Ok(record),
            Err(_) => self.read_any(&segment, place, entry).await,
        }
    }

    /// A record that is still in a writer's memory goes to the disks first: reads are rare there.
    pub(crate) async fn bring_to_disk(
        self: &Arc<Self>,
        segment: &Segment,
        place: Place,
    ) -> Result<()> {
        let State::Open(open) = &segment.state else { return Ok(()) };
        if usize::from(place.record) < open.committed.load(Ordering::Acquire) {
            return Ok(());
        }
        let writers: Vec<_> = lock(&self.writers).iter().map(|slot| slot.state.clone()).collect();
        for writer in writers {
            let mut writer = writer.lock().await;
            if writer.fills(segment.place.info.segment) {
                let result = writer.bring_to_disk(self).await;
                return self.stop_on_error(result);
            }
        }
        Ok(())
    }

    /// Reads are spread over the disks by segment, so that a sequential reader uses all of them.
    pub(crate) fn first_copy(&self, segment: &Segment) -> usize {
        let holds = |(number, _): &(usize, &Member)| self.holder(segment, *number).is_some();
        let count = self.members.active().filter(holds).count().max(1);
        let turn = number_of(segment.place.info.segment) as usize % count;
        self.members.readers().filter(holds).nth(turn).map_or(0, |(number, _)| number)
    }

    /// Reads one copy and checks it.
    pub(crate) async fn read_checked(
        &self,
        segment: &Segment,
        place: Place,
        entry: &Entry,
        number: usize,
    ) -> Result<StoredRecord> {
        let (digest, info) = (entry.digest, segment.place.info);
        let damaged = StoreError::Damaged { digest, segment: info.segment };
        let (member, slot) = self.holder(segment, number).ok_or(damaged.clone())?;
        let end = u64::from(entry.offset) + u64::from(entry.length);
        let refs = usize::from(entry.refs);
        if end > u64::from(self.geometry.segment_bytes()) || refs * 32 > entry.length as usize {
            return Err(damaged);
        }
        let offset = member.segment_offset(slot, entry.offset);
        let (start, length) = covering(offset, entry.length as usize);
        let record = StoredRecord {
            digest,
            info,
            record: u32::from(place.record),
            kind: entry.kind,
            refs,
            buffer: member.read(start, length).await?,
            start: (offset - start) as usize,
            length: entry.length as usize,
        };
        let whole = record_checksum(record.stored()) == entry.checksum;
        if whole || planted(Bug::NoRecordChecksum) { Ok(record) } else { Err(damaged) }
    }

    /// Tries every copy; heals those that are bad once a good one is found.
    ///
    /// # Errors
    /// `Damaged` when every disk gave bytes and all are wrong. When one gave none, its error: the
    /// record may be intact on it.
    pub(crate) async fn read_any(
        &self,
        segment: &Segment,
        place: Place,
        entry: &Entry,
    ) -> Result<StoredRecord> {
        let mut bad = Vec::new();
        let mut good = None;
        let mut silent = None;
        let members: Vec<usize> = self.members.readers().map(|(number, _)| number).collect();
        for number in members {
            match self.read_checked(segment, place, entry, number).await {
                Ok(record) => good = Some(record),
                Err(error) => {
                    bad.push(number);
                    silent = silent.or(Some(error).filter(|e| matches!(e, StoreError::Disk(_))));
                }
            }
        }
        let Some(record) = good else {
            let damaged = self.damaged_record(&entry.digest, place);
            return Err(silent.unwrap_or(damaged));
        };
        lock(&self.damaged).remove(&place);
        if !self.read_only {
            let (start, length) = covering(u64::from(entry.offset), entry.length as usize);
            for number in bad {
                // Healing is an extra: the good copy has been read.
                let _ = self.heal_range(segment, start as u32, length, number).await;
            }
        }
        Ok(record)
    }

    /// Rewrites blocks of a segment's body on one disk, if it is in service and has a copy. What
    /// is written is put together from verified records alone: a neighbour's damage on the good
    /// disk does not spread.
    pub(crate) async fn heal_range(
        &self,
        segment: &Segment,
        start: u32,
        length: usize,
        number: usize,
    ) -> Result<()> {
        let holder = self.holder(segment, number).filter(|(member, _)| member.is_active());
        let Some((member, slot)) = holder else { return Ok(()) };
        let region = match self.members.readers().find(|(other, _)| *other != number) {
            Some((other, _)) if planted(Bug::HealUnverified) => {
                let slot = segment.place.slots.get(other).copied().unwrap_or_default();
                let (other, _) = (self.members.get(other).unwrap_or(member), ());
                other.read(other.segment_offset(slot, start), length).await?
            }
            _ => self.canonical(segment, start, length).await?,
        };
        member.rewrite(member.segment_offset(slot, start), region.freeze()).await?;
        self.healed.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// The blocks of a segment as they were written: header, records, zeroes elsewhere.
    pub(crate) async fn canonical(
        &self,
        segment: &Segment,
        start: u32,
        length: usize,
    ) -> Result<Buffer> {
        let copies = self.first_blocks(segment, start, length).await;
        self.canonical_from(segment, start, length, copies.as_slice()).await
    }

    /// As [`canonical`](Self::canonical), from copies of these blocks as long as those are intact.
    pub(crate) async fn canonical_from(
        &self,
        segment: &Segment,
        start: u32,
        length: usize,
        copies: &[Buffer],
    ) -> Result<Buffer> {
        let (region, lost) = self.salvage_from(segment, start, length, copies).await?;
        let segment = segment.place.info.segment;
        lost.first()
            .map_or(Ok(region), |digest| Err(StoreError::Damaged { digest: *digest, segment }))
    }

    /// As [`canonical`](Self::canonical), with zeroes in the place of records that no disk has
    /// intact, and their digests.
    pub(crate) async fn salvage(
        &self,
        segment: &Segment,
        start: u32,
        length: usize,
    ) -> Result<(Buffer, Vec<Digest>)> {
        let copies = self.first_blocks(segment, start, length).await;
        self.salvage_from(segment, start, length, copies.as_slice()).await
    }

    /// The first copy of some blocks of a segment that can be read, as it is.
    async fn first_blocks(&self, segment: &Segment, start: u32, length: usize) -> Option<Buffer> {
        for (number, _) in self.members.readers() {
            if let Some(copy) = self.read_blocks(segment, start, length, number).await {
                return Some(copy);
            }
        }
        None
    }

    /// One copy of some blocks of a segment, as it is.
    pub(crate) async fn read_blocks(
        &self,
        segment: &Segment,
        start: u32,
        length: usize,
        number: usize,
    ) -> Option<Buffer> {
        let (member, slot) = self.holder(segment, number)?;
        member.read(member.segment_offset(slot, start), length).await.ok()
    }

    /// Records are taken out of the copies; those that are intact in none of them, or lie only
    /// partly there, are read from any disk.
    async fn salvage_from(
        &self,
        segment: &Segment,
        start: u32,
        length: usize,
        copies: &[Buffer],
    ) -> Result<(Buffer, Vec<Digest>)> {
        let mut lost = Vec::new();
        let mut region = Buffer::zeroed(length);
        if start == 0 {
            let header = SegmentHeader::encode(self.pool_id, &segment.place.info);
            if let Some(first) = region.get_mut(..BLOCK) {
                first.copy_from_slice(&header);
            }
        }
        let end = u64::from(start) + length as u64;
        let entries = self.entries(segment).await?;
        for (number, entry) in entries.iter().enumerate() {
            let entry_end = u64::from(entry.offset) + u64::from(entry.length);
            if entry_end <= u64::from(start) || u64::from(entry.offset) >= end {
                continue;
            }
            if let Some((at, bytes)) = intact_in(copies, start, entry) {
                if let Some(room) = region.get_mut(at..at + bytes.len()) {
                    room.copy_from_slice(bytes);
                }
                continue;
            }
            let segment_number = number_of(segment.place.info.segment);
            let place = Place { segment: segment_number, record: number as u16 };
            let Ok(record) = self.read_verified(segment, place, entry).await else {
                lost.push(entry.digest);
                continue;
            };
            let from = u64::from(entry.offset).max(u64::from(start));
            let to = entry_end.min(end);
            let skip = (from - u64::from(entry.offset)) as usize;
            let take = (to - from) as usize;
            let at = (from - u64::from(start)) as usize;
            if let (Some(room), Some(bytes)) =
                (region.get_mut(at..at + take), record.stored().get(skip..skip + take))
            {
                room.copy_from_slice(bytes);
            }
        }
        Ok((region, lost))
    }

    /// A good copy of a record from any disk, without healing others.
    async fn read_verified(
        &self,
        segment: &Segment,
        place: Place,
        entry: &Entry,
    ) -> Result<StoredRecord> {
        let members: Vec<usize> = self.members.readers().map(|(number, _)| number).collect();
        for number in members {
            if let Ok(record) = self.read_checked(segment, place, entry, number).await {
                return Ok(record);
            }
        }
        Err(self.damaged_record(&entry.digest, place))
    }

    /// The disk of this number and the slot of its copy of the segment, if it has one.
    pub(crate) fn holder(&self, segment: &Segment, number: usize) -> Option<(&Member, u32)> {
        let member = self.members.get(number)?;
        let slot = *segment.place.slots.get(number)?;
        (slot < member.geometry.segment_slots()).then_some((member, slot))
    }
}

/// A record that lies wholly and intact in one of these copies of the blocks from `start`, and
/// where.
fn intact_in<'a>(copies: &'a [Buffer], start: u32, entry: &Entry) -> Option<(usize, &'a [u8])> {
    let at = entry.offset.checked_sub(start)? as usize;
    let end = at.checked_add(entry.length as usize)?;
    let found = copies.iter().filter_map(|copy| copy.get(at..end));
    let mut whole = found
        .filter(|bytes| record_checksum(bytes) == entry.checksum || planted(Bug::NoRecordChecksum));
    whole.next().map(|bytes| (at, bytes))
}
