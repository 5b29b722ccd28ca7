//! Appending records: each writer fills a segment of its own, so that workers do not queue.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use format::layout::Fixed;
use format::segment::{Entry, RecordKind, SegmentInfo};
use model::{DataKeyId, Digest, TenantId};

use crate::Result;
use crate::filling::WriterState;
use crate::members::lock;
use crate::store::{Inner, Store};

/// Segment salt -> commitment to the segment's key.
pub type Commitment = Arc<dyn Fn(&[u8; 32]) -> [u8; 16] + Send + Sync>;

/// Stored bytes after which a writer asks for a commit. Nothing proves the last commit to be
/// durable but what it names, so recovery reads all of that: this much takes one disk two seconds.
const MOST_UNCOMMITTED: u64 = 256 << 20;

/// For whom a writer writes, and the commitment to the segment key that a salt leads to.
#[derive(Clone)]
pub struct WriterKeys {
    pub tenant: TenantId,
    pub data_key: DataKeyId,
    /// Segment salt -> commitment. The store has no keys; this comes from who does.
    pub commitment: Commitment,
    /// What is written is there already, and moves: it may take slots that new records may not.
    pub moves: bool,
}

impl fmt::Debug for WriterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WriterKeys({:?}, {})", self.tenant, self.data_key)
    }
}

/// Where the next record goes: what its sealing depends on.
#[derive(Debug, Clone, Copy)]
pub struct RecordPlace {
    pub info: SegmentInfo,
    /// Number of the record within the segment: the nonce.
    pub record: u32,
}

/// A record to append.
#[derive(Debug, Clone, Copy)]
pub struct NewRecord<'a> {
    pub kind: RecordKind,
    pub digest: Digest,
    /// How many digests stand at the start of `stored`.
    pub refs: usize,
    /// References, then sealed payload.
    pub stored: &'a [u8],
}

/// Appends records to segments of its own.
#[derive(Debug)]
pub struct SegmentWriter {
    inner: Arc<Inner>,
    keys: WriterKeys,
    state: Arc<tokio::sync::Mutex<WriterState>>,
}

impl Store {
    /// A writer for one worker. It goes on with a segment that an earlier writer for the same keys
    /// left unfinished.
    pub fn writer(&self, keys: WriterKeys) -> SegmentWriter {
        let mut writers = lock(&self.inner.writers);
        let idle = writers.iter_mut().find(|slot| !slot.busy && slot.belongs_to(&keys));
        let state = match idle {
            Some(slot) => {
                slot.busy = true;
                slot.state.clone()
            }
            None => {
                let state: Arc<tokio::sync::Mutex<WriterState>> = Arc::default();
                let WriterKeys { tenant, data_key, moves, .. } = keys;
                let busy = true;
                writers.push(WriterSlot { tenant, data_key, moves, busy, state: state.clone() });
                state
            }
        };
        SegmentWriter { inner: self.inner.clone(), keys, state }
    }
}

/// A writer's state as the store knows it, whether or not anyone writes with it now.
#[derive(Debug)]
pub(crate) struct WriterSlot {
    tenant: TenantId,
    data_key: DataKeyId,
    moves: bool,
    pub(crate) busy: bool,
    pub(crate) state: Arc<tokio::sync::Mutex<WriterState>>,
}

impl WriterSlot {
    fn belongs_to(&self, keys: &WriterKeys) -> bool {
        self.tenant == keys.tenant && self.data_key == keys.data_key && self.moves == keys.moves
    }
}

impl SegmentWriter {
    /// Where a record of `length` stored bytes will lie if it is the next one that is appended.
    ///
    /// # Errors
    /// `Full` when no segment is free, `TooLarge` when no segment could hold it.
    pub async fn place(&mut self, length: usize) -> Result<RecordPlace> {
        self.inner.begin().await?;
        let mut state = self.state.lock().await;
        let result = state.make_room(&self.inner, &self.keys, length);
        self.inner.stop_on_error(result)
    }

    /// Ends the segment: its footer is written with the next commit.
    pub(crate) async fn seal(&mut self) {
        self.state.lock().await.seal(&self.inner);
    }

    /// Appends the record that [`place`](Self::place) was asked for, sealed for that place. It is
    /// durable after the next commit.
    ///
    /// # Errors
    /// `TooLarge` when it is larger than what `place` was asked for and does not fit.
    pub async fn append(&mut self, record: NewRecord<'_>) -> Result<()> {
        let stored = record.stored.len() as u64;
        // What moves is nobody's hurry.
        let _waited = (!self.keys.moves).then(|| self.inner.foreground.enter());
        let mut state = self.state.lock().await;
        let result = state.append(&self.inner, record).await;
        drop(state);
        self.inner.stop_on_error(result)?;
        let pending = self.inner.pending_bytes.fetch_add(Entry::SIZE, Ordering::AcqRel);
        let stored = self.inner.pending_stored.fetch_add(stored, Ordering::AcqRel) + stored;
        let much = pending + Entry::SIZE > self.inner.commit_bytes() / 4 * 3;
        if much || stored > MOST_UNCOMMITTED {
            Store { inner: self.inner.clone() }.commit(Vec::new()).await?;
        }
        Ok(())
    }
}

impl Drop for SegmentWriter {
    fn drop(&mut self) {
        let mut writers = lock(&self.inner.writers);
        if let Some(slot) = writers.iter_mut().find(|slot| Arc::ptr_eq(&slot.state, &self.state)) {
            slot.busy = false;
        }
    }
}
