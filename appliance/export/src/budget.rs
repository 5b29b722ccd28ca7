//! Memory of replies and payloads: how much of it may be in use at once, and its reuse.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Payload of requests under way on one export, all connections together, in bytes. At least two
/// of the longest requests fit, so that one client cannot keep out all others.
const MAX_IN_FLIGHT: usize = 64 << 20;
/// The unit in which it is counted, in bytes.
const UNIT: u32 = 1024;

/// Unused memory that is kept for the next request, in bytes. A fresh large buffer costs more in
/// page faults than the copy into it.
const MAX_KEPT: usize = 16 << 20;
/// Unused buffers that are kept: enough for every request of a connection.
const MAX_KEPT_COUNT: usize = 128;
/// Buffers are at least this large, in bytes: a small read and any head.
const MIN_BUFFER: usize = 8 << 10;
/// How much larger than asked for a kept buffer may be, as a factor.
const SLACK: usize = 4;

/// The memory of one export.
#[derive(Debug)]
pub(crate) struct Budget {
    in_flight: Arc<Semaphore>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

/// A share of the memory that requests may use, given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    _permit: OwnedSemaphorePermit,
}

impl Budget {
    pub(crate) fn new() -> Arc<Self> {
        let units = MAX_IN_FLIGHT / UNIT as usize;
        Arc::new(Self {
            in_flight: Arc::new(Semaphore::new(units)),
            kept: Mutex::new(Kept::default()),
        })
    }

    /// A share of `bytes`, if it can be had now.
    pub(crate) fn try_share(&self, bytes: u32) -> Option<Share> {
        let permit = self.in_flight.clone().try_acquire_many_owned(bytes.div_ceil(UNIT)).ok()?;
        Some(Share { _permit: permit })
    }

    /// Waits for a share of `bytes`, which are at most [`MAX_IN_FLIGHT`]; first come, first served.
    pub(crate) async fn share(self: Arc<Self>, bytes: u32) -> Option<Share> {
        let permit = self.in_flight.clone().acquire_many_owned(bytes.div_ceil(UNIT)).await.ok()?;
        Some(Share { _permit: permit })
    }

    /// A buffer of `length` bytes with any content.
    pub(crate) fn buffer(self: &Arc<Self>, length: usize) -> Buffer {
        let bytes = self.take(length).unwrap_or_else(|| vec![0; length.max(MIN_BUFFER)]);
        Buffer { bytes, length, budget: self.clone(), share: None }
    }

    /// A buffer with the content of `bytes`.
    pub(crate) fn copy(self: &Arc<Self>, bytes: &[u8]) -> Buffer {
        let mut buffer = self.buffer(bytes.len());
        buffer.as_mut().copy_from_slice(bytes);
        buffer
    }

    fn take(&self, length: usize) -> Option<Vec<u8>> {
        let most = length.max(MIN_BUFFER).saturating_mul(SLACK);
        let mut kept = self.kept();
        let fits = |buffer: &Vec<u8>| buffer.len() >= length && buffer.len() <= most;
        // The last one given back is the one most likely to be in the processor's cache.
        let at = kept.buffers.iter().rposition(fits)?;
        let buffer = kept.buffers.swap_remove(at);
        kept.bytes -= buffer.len();
        Some(buffer)
    }

    fn give_back(&self, buffer: Vec<u8>) {
        let mut kept = self.kept();
        if kept.buffers.len() < MAX_KEPT_COUNT && kept.bytes + buffer.len() <= MAX_KEPT {
            kept.bytes += buffer.len();
            kept.buffers.push(buffer);
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes of a request or a reply; the memory is reused.
#[derive(Debug)]
pub(crate) struct Buffer {
    /// Longer than `length`; what is behind it is left over from another use.
    bytes: Vec<u8>,
    length: usize,
    budget: Arc<Budget>,
    /// Held until the bytes are no longer needed.
    share: Option<Share>,
}

impl Buffer {
    pub(crate) fn with_share(mut self, share: Option<Share>) -> Self {
        self.share = share;
        self
    }

    pub(crate) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl AsMut<[u8]> for Buffer {
    fn as_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.length).unwrap_or_default()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.budget.give_back(std::mem::take(&mut self.bytes));
    }
}
