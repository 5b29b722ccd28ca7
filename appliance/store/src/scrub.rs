//! Reading everything on every disk, and healing what one disk has wrong from another.
//!
//! A scrub goes segment by segment, so that several workers can share it. Each copy of a segment
//! is read in order: header, records, the zeroes between them, footer. What the store keeps
//! besides segments is in [`crate::structures`].

use std::sync::Arc;
use std::sync::atomic::Ordering;

use disk::{Buffer, SharedBuffer};
use format::segment::{Entry, SegmentHeader, record_checksum};
use futures_util::{StreamExt, stream};
use model::{BLOCK, Digest, SegmentId};

use crate::batch::RecordView;
use crate::duty::Duty;
use crate::index::Place;
use crate::members::{Member, covering, lock, padded};
use crate::planted::{Bug, planted};
use crate::segments::{Segment, State, number as number_of};
use crate::store::{Inner, Store};
use crate::{Result, StoreError};

/// Transfers in flight for one segment.
const READS_IN_FLIGHT: usize = 3;

/// What a scrub of a part found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scrubbed {
    /// Bytes read from all disks.
    pub bytes_read: u64,
    pub records: u64,
    /// Records that no disk has intact.
    pub lost: Vec<Digest>,
    /// Copies of structures, zeroes and records that are damaged and were not healed.
    pub damaged: u64,
    /// Segments whose list of records no disk has intact: nobody knows what was in them.
    pub unlisted: u64,
    /// Of one segment: every disk that was opened has it and was asked, and nobody appends to it.
    pub whole: bool,
}

/// Some records of one copy, read in one transfer. Offsets are from the segment's start.
struct Piece {
    start: u32,
    end: u32,
    first_record: usize,
    entries: Vec<Entry>,
}

impl Store {
    /// The segments that hold records, in the order in which they were written.
    pub fn segment_list(&self) -> Vec<SegmentId> {
        let segments = lock(&self.inner.segments).sorted();
        segments.iter().map(|segment| segment.place.info.segment).collect()
    }

    /// Forgets the places of records that no disk has intact, durably after the next close: when
    /// the same bytes come again they are stored anew, which heals the recovery points that name
    /// them. Does nothing while a disk is missing, which may have them, or while one is filled, as
    /// it is not known yet what that has of before. Nor does a disk that fails to read say anything
    /// about what it has.
    pub async fn forget(&self, lost: &[Digest]) -> Result<()> {
        let inner = &self.inner;
        let all_asked = inner.members.is_whole() && inner.members.syncing().next().is_none();
        if lost.is_empty() || !(all_asked || planted(Bug::ForgottenWhileFilled)) || inner.read_only
        {
            return Ok(());
        }
        inner.begin().await?;
        for digest in lost {
            for (place, entry) in inner.find_all(digest).await? {
                let segment = inner.segment(place)?;
                let read = inner.read_any(&segment, place, &entry).await;
                if matches!(read, Err(StoreError::Damaged { .. })) {
                    inner.index.remove(digest, place);
                }
            }
        }
        Ok(())
    }

    /// Reads every copy of a segment and heals what can be healed. `check` gets each intact record
    /// once, to open its seal; what it refuses is lost. A segment that is gone by now has nothing
    /// wrong.
    pub async fn scrub_segment(
        &self,
        id: SegmentId,
        check: impl FnMut(RecordView<'_>) -> bool,
    ) -> Result<Scrubbed> {
        self.scrub_segment_at(id, Duty::FULL, check).await
    }

    /// As [`scrub_segment`](Self::scrub_segment), with rests between the transfers.
    pub(crate) async fn scrub_segment_at(
        &self,
        id: SegmentId,
        duty: Duty<'_>,
        mut check: impl FnMut(RecordView<'_>) -> bool,
    ) -> Result<Scrubbed> {
        // A slot that is used again meanwhile would look damaged, and be healed.
        let _lease = self.lease(Vec::new());
        let inner = &self.inner;
        let mut found = Scrubbed::default();
        let Some(segment) = lock(&inner.segments).get(number_of(id)).cloned() else {
            return Ok(Scrubbed { whole: true, ..found });
        };
        let began = duty.begin(inner);
        let entries = inner.durable_entries(&segment).await;
        duty.rest(began, inner).await;
        let Ok(entries) = entries else {
            // Nothing of it can be found, and reading it again would not change that.
            found.damaged += 1;
            found.unlisted += 1;
            found.whole = inner.is_read_back(&segment);
            return Ok(found);
        };
        if entries.is_empty() && matches!(segment.state, State::Open(_)) {
            // Not even its header has to be on the disks yet.
            return Ok(found);
        }
        found.records = entries.len() as u64;
        let copies: Vec<usize> = inner.members.readers().map(|(number, _)| number).collect();
        for (turn, number) in copies.into_iter().enumerate() {
            let Some((member, slot)) = inner.holder(&segment, number) else { continue };
            let began = duty.begin(inner);
            inner.scrub_edges(&segment, member, slot, number, &mut found).await;
            duty.rest(began, inner).await;
            let pieces = pieces(&entries, inner.buffers().slab_bytes());
            let mut reads = stream::iter(pieces)
                .map(|piece| inner.read_piece(member, slot, piece))
                .buffered(duty.transfers(READS_IN_FLIGHT));
            loop {
                let began = duty.begin(inner);
                let Some((piece, buffer)) = reads.next().await else { break };
                found.bytes_read += u64::from(piece.end - piece.start);
                let mut unchecked = |_: RecordView<'_>| true;
                let check: &mut dyn FnMut(RecordView<'_>) -> bool =
                    if turn == 0 { &mut check } else { &mut unchecked };
                let bad = judge(&segment, &piece, buffer, check);
                inner.heal_piece(&segment, &piece, number, bad, check, &mut found).await;
                duty.rest(began, inner).await;
            }
        }
        // Once for each disk that lost it.
        found.lost.sort_unstable();
        found.lost.dedup();
        // What was stored anew elsewhere is not lost with its old place.
        let suspects = std::mem::take(&mut found.lost);
        for digest in suspects {
            let read = self.read(&digest).await;
            if !read.is_ok_and(|mut record| check(record.view())) {
                found.lost.push(digest);
            }
        }
        found.whole = inner.is_read_back(&segment);
        Ok(found)
    }
}

impl Inner {
    /// The entries of a segment that are on the disks for good.
    async fn durable_entries(&self, segment: &Segment) -> Result<Arc<Vec<Entry>>> {
        match &segment.state {
            State::Open(open) => Ok(Arc::new(open.committed())),
            _ => self.entries(segment).await,
        }
    }

    /// Whether a segment that was just read is on every disk that was opened, as it will stay.
    fn is_read_back(&self, segment: &Segment) -> bool {
        let mut members = self.members.present();
        let still = !matches!(segment.state, State::Open(_));
        still
            && members.all(|(number, member)| {
                member.is_active() && self.holder(segment, number).is_some()
            })
    }

    /// Header and footer of one copy.
    async fn scrub_edges(
        &self,
        segment: &Segment,
        member: &Member,
        slot: u32,
        number: usize,
        found: &mut Scrubbed,
    ) {
        let header = SegmentHeader::encode(self.pool_id, &segment.place.info);
        let block = member.read(member.segment_offset(slot, 0), BLOCK).await;
        found.bytes_read += BLOCK as u64;
        if !block.is_ok_and(|block| block[..] == header[..])
            && (self.read_only || self.heal_range(segment, 0, BLOCK, number).await.is_err())
        {
            found.damaged += 1;
        }
        let State::Sealed { trailer, .. } = &segment.state else { return };
        let whole = self.read_footer(member, slot, segment, trailer).await;
        match whole {
            Ok(entries) => found.bytes_read += (entries.len() * 64 + BLOCK) as u64,
            Err(_) if self.read_only => found.damaged += 1,
            Err(_) => {
                if self.heal_footer(segment, trailer, number).await.is_err() {
                    found.damaged += 1;
                }
            }
        }
    }

    /// Puts a footer in its place on a disk that has it damaged: from another disk, or made anew.
    pub(crate) async fn heal_footer(
        &self,
        segment: &Segment,
        trailer: &[u8; 32],
        bad: usize,
    ) -> Result<()> {
        let bytes = match self.whole_footer(segment, trailer, bad).await {
            Some(bytes) => bytes,
            None => self.remake_footer(segment, trailer).await?,
        };
        let damaged = StoreError::DamagedStructure { structure: "segment footer" };
        let (target, slot) = self.holder(segment, bad).ok_or(damaged)?;
        let at = self.geometry.segment_bytes() - bytes.len() as u32;
        target.rewrite(target.segment_offset(slot, at), bytes).await?;
        self.healed.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// The footer, which its trailer's hashes cover as a whole, from another disk.
    pub(crate) async fn whole_footer(
        &self,
        segment: &Segment,
        trailer: &[u8; 32],
        bad: usize,
    ) -> Option<SharedBuffer> {
        for (other, _) in self.members.readers().filter(|(other, _)| *other != bad) {
            let Some((member, slot)) = self.holder(segment, other) else { continue };
            let read = self.read_footer_bytes(member, slot, segment, trailer).await;
            if let Ok((trailer, bytes)) = read
                && trailer.entries(&bytes).is_ok()
            {
                return Some(bytes.freeze());
            }
        }
        None
    }

    /// The footer as it was made, from entries that are still in memory and the records.
    pub(crate) async fn remake_footer(
        &self,
        segment: &Segment,
        trailer: &[u8; 32],
    ) -> Result<SharedBuffer> {
        let damaged = StoreError::DamagedStructure { structure: "segment footer" };
        let State::Sealed { body_end, .. } = &segment.state else { return Err(damaged) };
        let entries = self.entries(segment).await?;
        let footer = self.make_footer(segment, &entries, *body_end).await?;
        let same = footer.trailer.checksum == *trailer;
        if same { Ok(padded(&footer.bytes)) } else { Err(damaged) }
    }

    async fn read_piece(
        &self,
        member: &Member,
        slot: u32,
        piece: Piece,
    ) -> (Piece, Option<Buffer>) {
        let length = (piece.end - piece.start) as usize;
        let buffer = if length <= self.buffers().slab_bytes() {
            let mut buffer = self.buffers().acquire().await;
            buffer.truncate(length);
            buffer
        } else {
            Buffer::zeroed(length)
        };
        let read = member.disk.read(member.segment_offset(slot, piece.start), buffer).await;
        (piece, read.ok())
    }

    async fn heal_piece(
        &self,
        segment: &Segment,
        piece: &Piece,
        number: usize,
        bad: Bad,
        check: &mut dyn FnMut(RecordView<'_>) -> bool,
        found: &mut Scrubbed,
    ) {
        for at in bad.records {
            let Some(entry) = piece.entries.get(at) else { continue };
            let record = (piece.first_record + at) as u16;
            let place = Place { segment: number_of(segment.place.info.segment), record };
            let read = self.read_any(segment, place, entry).await;
            if !read.is_ok_and(|mut record| check(record.view())) {
                found.lost.push(entry.digest);
            } else if self.read_checked(segment, place, entry, number).await.is_err() {
                // Read again: nothing may be written, or the disk did not take it.
                found.damaged += 1;
            }
        }
        for at in bad.refused {
            found.lost.extend(piece.entries.get(at).map(|entry| entry.digest));
        }
        for (start, length) in bad.gaps {
            if self.read_only || self.clear_gap(segment, start, length, number).await.is_err() {
                found.damaged += 1;
            }
        }
    }

    /// Writes zeroes where nothing was ever stored. What else is in these blocks of the disk stays
    /// as it is there: a record beside the gap may be lost, and the zeroes are known without it.
    async fn clear_gap(
        &self,
        segment: &Segment,
        start: u32,
        length: usize,
        number: usize,
    ) -> Result<()> {
        let gone = StoreError::DamagedStructure { structure: "disk" };
        let (member, slot) = self.holder(segment, number).ok_or(gone)?;
        let offset = member.segment_offset(slot, start);
        let (from, blocks) = covering(offset, length);
        let mut buffer = member.read(from, blocks).await?;
        let at = (offset - from) as usize;
        if let Some(gap) = buffer.get_mut(at..at + length) {
            gap.fill(0);
        }
        member.rewrite(from, buffer.freeze()).await?;
        self.healed.fetch_add(1, Ordering::Relaxed);
        self.cleared.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Cuts the records of a segment into transfers of at most `most` bytes.
fn pieces(entries: &[Entry], most: usize) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for (record, entry) in entries.iter().enumerate() {
        let (start, length) = covering(u64::from(entry.offset), entry.length as usize);
        let (start, end) = (start as u32, start as u32 + length as u32);
        match pieces.last_mut() {
            Some(piece) if (end - piece.start) as usize <= most => {
                piece.end = end;
                piece.entries.push(*entry);
            }
            _ => pieces.push(Piece { start, end, first_record: record, entries: vec![*entry] }),
        }
    }
    pieces
}

/// What is wrong in a transfer: records by their number in it, and gaps (start, bytes) that are
/// not zeroes.
#[derive(Debug, Default)]
struct Bad {
    records: Vec<usize>,
    /// Their checksum holds, and yet `check` refused them.
    refused: Vec<usize>,
    gaps: Vec<(u32, usize)>,
}

fn judge(
    segment: &Segment,
    piece: &Piece,
    buffer: Option<Buffer>,
    check: &mut dyn FnMut(RecordView<'_>) -> bool,
) -> Bad {
    let mut bad = Bad::default();
    let Some(mut buffer) = buffer else {
        bad.records = (0..piece.entries.len()).collect();
        return bad;
    };
    let mut end = piece.entries.first().map_or(piece.start, |entry| entry.offset);
    for (at, entry) in piece.entries.iter().enumerate() {
        note_gap(&buffer, piece, end, entry.offset, &mut bad);
        end = entry.offset + entry.length;
        let from = (entry.offset - piece.start) as usize;
        let Some(stored) = buffer.get_mut(from..from + entry.length as usize) else {
            bad.records.push(at);
            continue;
        };
        if record_checksum(stored) != entry.checksum {
            bad.records.push(at);
            continue;
        }
        let (refs, payload) = stored.split_at_mut(usize::from(entry.refs) * 32);
        let view = RecordView {
            digest: entry.digest,
            info: &segment.place.info,
            record: (piece.first_record + at) as u32,
            kind: entry.kind,
            refs,
            payload,
        };
        if !check(view) {
            bad.refused.push(at);
        }
    }
    note_gap(&buffer, piece, end, gap_end(segment, piece, end), &mut bad);
    bad
}

/// Where the zeroes behind a piece's last record end: at its block's end, unless another record
/// begins before.
fn gap_end(segment: &Segment, piece: &Piece, end: u32) -> u32 {
    let body_end = match &segment.state {
        State::Sealed { body_end, .. } | State::Unsealed { body_end, .. } => *body_end,
        State::Open(_) => return end,
    };
    if end >= body_end { piece.end } else { end }
}

fn note_gap(buffer: &[u8], piece: &Piece, from: u32, to: u32, bad: &mut Bad) {
    let range = (from - piece.start) as usize..(to.max(from) - piece.start) as usize;
    let zero = buffer.get(range).is_some_and(|gap| gap.iter().all(|byte| *byte == 0));
    if !zero && to > from {
        bad.gaps.push((from, (to - from) as usize));
    }
}
