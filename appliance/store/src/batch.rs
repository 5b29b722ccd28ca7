//! Reading many records at once: neighbours in one transfer, several transfers in flight.

use std::sync::Arc;

use disk::Buffer;
use format::segment::{Entry, RecordKind, SegmentInfo, record_checksum};
use futures_util::StreamExt;
use futures_util::stream;
use model::{BLOCK_U64, Digest};

use crate::index::Place;
use crate::segments::Segment;
use crate::store::{Inner, Store};
use crate::{Result, StoreError};

/// Transfers in flight for one batch: enough for a disk to work on the next while one is handled.
const READS_IN_FLIGHT: usize = 4;

/// Unwanted bytes between two records that are read along rather than skipped: less than another
/// transfer costs.
const GAP_BYTES: u64 = 64 << 10;

/// A record in a buffer that is somebody else's.
#[derive(Debug)]
pub struct RecordView<'a> {
    pub digest: Digest,
    pub info: &'a SegmentInfo,
    /// Number within the segment: the nonce.
    pub record: u32,
    /// A [`RecordKind`] by number.
    pub kind: u8,
    /// The digests it refers to, 32 bytes each.
    pub refs: &'a [u8],
    /// To be opened in place.
    pub payload: &'a mut [u8],
}

impl RecordView<'_> {
    /// What the record is; `None` for a kind that this version does not know.
    pub fn kind(&self) -> Option<RecordKind> {
        RecordKind::from_number(self.kind)
    }

    /// The digests it refers to.
    pub fn ref_list(&self) -> Vec<Digest> {
        let refs = self.refs.chunks_exact(32);
        refs.filter_map(|bytes| bytes.try_into().ok().map(Digest)).collect()
    }
}

/// A record that was located.
#[derive(Clone, Copy)]
pub(crate) struct Located {
    /// Its number in what was asked for.
    pub(crate) at: usize,
    pub(crate) place: Place,
    pub(crate) entry: Entry,
}

/// Records of one segment that are read in one transfer.
pub(crate) struct Transfer {
    pub(crate) segment: Arc<Segment>,
    start: u64,
    end: u64,
    pub(crate) records: Vec<Located>,
}

impl Store {
    /// Reads records in the order in which they lie, and hands each to `open` with its number in
    /// `digests`. `open` checks it by a stronger means than the store has (it opens the seal) and
    /// tells whether it was right. If not, the record is read again by itself, from every disk,
    /// and bad copies are healed; then `open` gets it once more.
    ///
    /// # Errors
    /// `Damaged` when `open` refuses a record although its checksum holds.
    pub async fn read_batch(
        &self,
        digests: &[Digest],
        open: impl FnMut(usize, RecordView<'_>) -> bool,
    ) -> Result<()> {
        let _waited = self.inner.foreground.enter();
        self.inner.read_batch(digests, open).await
    }
}

impl Inner {
    /// See [`Store::read_batch`].
    pub(crate) async fn read_batch(
        self: &Arc<Self>,
        digests: &[Digest],
        mut open: impl FnMut(usize, RecordView<'_>) -> bool,
    ) -> Result<()> {
        let transfers = self.transfers(self.locate(digests).await?).await?;
        let first_copy = |transfer: Transfer| {
            let number = self.first_copy(&transfer.segment);
            self.read_transfer(transfer, number)
        };
        let mut reads = stream::iter(transfers).map(first_copy).buffered(READS_IN_FLIGHT);
        while let Some((transfer, buffer)) = reads.next().await {
            let Transfer { segment, start, records, .. } = transfer;
            let mut buffer = buffer;
            for record in records {
                let view =
                    buffer.as_deref_mut().and_then(|buffer| view(buffer, start, &segment, &record));
                if !view.is_some_and(|view| open(record.at, view)) {
                    self.reread(&record, &mut open).await?;
                }
            }
        }
        Ok(())
    }

    async fn reread(
        self: &Arc<Self>,
        record: &Located,
        open: &mut impl FnMut(usize, RecordView<'_>) -> bool,
    ) -> Result<()> {
        let digest = record.entry.digest;
        let mut stored = self.read(&digest).await?;
        if open(record.at, stored.view()) {
            return Ok(());
        }
        let segment = model::SegmentId(u64::from(record.place.segment));
        Err(StoreError::Damaged { digest, segment })
    }

    async fn locate(&self, digests: &[Digest]) -> Result<Vec<Located>> {
        let mut located = Vec::with_capacity(digests.len());
        for (at, digest) in digests.iter().enumerate() {
            let (place, entry) =
                self.find(digest).await?.ok_or(StoreError::Unknown { digest: *digest })?;
            located.push(Located { at, place, entry });
        }
        Ok(located)
    }

    /// How these are read, in the order in which they lie.
    pub(crate) async fn transfers(
        self: &Arc<Self>,
        mut located: Vec<Located>,
    ) -> Result<Vec<Transfer>> {
        located.sort_by_key(|record| (record.place.segment, record.entry.offset));
        let most = self.buffers().slab_bytes() as u64;
        let mut transfers: Vec<Transfer> = Vec::new();
        for record in located {
            let start = u64::from(record.entry.offset) / BLOCK_U64 * BLOCK_U64;
            let end = u64::from(record.entry.offset) + u64::from(record.entry.length);
            let end = end.next_multiple_of(BLOCK_U64);
            match transfers.last_mut() {
                Some(last) if last.takes(&record, start, end, most) => {
                    last.end = last.end.max(end);
                    last.records.push(record);
                }
                _ => {
                    let segment = self.segment(record.place)?;
                    self.bring_to_disk(&segment, record.place).await?;
                    let segment = Arc::new(segment);
                    transfers.push(Transfer { segment, start, end, records: vec![record] });
                }
            }
        }
        Ok(transfers)
    }

    /// Reads the bytes of a transfer from one disk, unchecked; `None` when it does not give them.
    pub(crate) async fn read_transfer(
        &self,
        transfer: Transfer,
        number: usize,
    ) -> (Transfer, Option<Buffer>) {
        let length = (transfer.end - transfer.start) as usize;
        let inside = transfer.end <= u64::from(self.geometry.segment_bytes());
        let holder = self.holder(&transfer.segment, number).filter(|_| inside);
        let Some((member, slot)) = holder else { return (transfer, None) };
        let buffer = if length <= self.buffers().slab_bytes() {
            let mut buffer = self.buffers().acquire().await;
            buffer.truncate(length);
            buffer
        } else {
            Buffer::zeroed(length)
        };
        let offset = member.geometry.slot_offset(slot) + transfer.start;
        let read = member.disk.read(offset, buffer).await.ok();
        (transfer, read)
    }
}

impl Transfer {
    /// Its records, and whether each is in `buffer` as its checksum says.
    pub(crate) fn whole(&self, buffer: Option<Buffer>) -> impl Iterator<Item = (Located, bool)> {
        let mut buffer = buffer;
        self.records.iter().map(move |record| {
            let bytes = buffer.as_deref_mut();
            let stored = bytes.and_then(|bytes| stored(bytes, self.start, &record.entry));
            let whole = stored.is_some_and(|it| record_checksum(it) == record.entry.checksum);
            (*record, whole)
        })
    }

    fn takes(&self, record: &Located, start: u64, end: u64, most: u64) -> bool {
        let same = self.records.first().is_some_and(|first| {
            first.place.segment == record.place.segment && first.place.record <= record.place.record
        });
        same && start <= self.end + GAP_BYTES && end.max(self.end) - self.start <= most
    }
}

fn view<'a>(
    buffer: &'a mut [u8],
    start: u64,
    segment: &'a Segment,
    record: &Located,
) -> Option<RecordView<'a>> {
    let stored = stored(buffer, start, &record.entry)?;
    let (refs, payload) = stored.split_at_mut_checked(usize::from(record.entry.refs) * 32)?;
    Some(RecordView {
        digest: record.entry.digest,
        info: &segment.place.info,
        record: u32::from(record.place.record),
        kind: record.entry.kind,
        refs,
        payload,
    })
}

/// The bytes of a record in a buffer whose first byte lies at `start` of the segment.
fn stored<'a>(buffer: &'a mut [u8], start: u64, entry: &Entry) -> Option<&'a mut [u8]> {
    let from = usize::try_from(u64::from(entry.offset).checked_sub(start)?).ok()?;
    buffer.get_mut(from..from.checked_add(entry.length as usize)?)
}
