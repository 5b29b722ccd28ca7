//! What a server has done so far.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::connection::Fault;

/// Faults that are remembered: the newest ones.
const RECENT_FAULTS: usize = 16;

/// Counts since the server was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Connections that were accepted.
    pub connections: u64,
    /// Of these, how many are open now.
    pub connections_open: u64,
    /// Connections that were closed at once, because there were too many.
    pub connections_refused: u64,
    /// Requests that were answered, also those answered with an error.
    pub requests: u64,
    /// Bytes of the disk that clients asked for, holes included.
    pub bytes_read: u64,
    /// Bytes that clients wrote, not counting zeroes without payload.
    pub bytes_written: u64,
    /// Connections that ended by a fault.
    pub faults: u64,
    /// The last of them, oldest first; at most 16.
    pub recent_faults: Vec<Fault>,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connections: AtomicU64,
    pub(crate) connections_refused: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) bytes_read: AtomicU64,
    pub(crate) bytes_written: AtomicU64,
    faults: AtomicU64,
    recent_faults: Mutex<VecDeque<Fault>>,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn fault(&self, fault: Fault) {
        Self::add(&self.faults, 1);
        let mut recent = self.recent_faults.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == RECENT_FAULTS {
            recent.pop_front();
        }
        recent.push_back(fault);
    }

    /// The counts, and `connections_open`, which is counted elsewhere.
    pub(crate) fn snapshot(&self, connections_open: u64) -> Stats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let recent = self.recent_faults.lock().unwrap_or_else(PoisonError::into_inner);
        Stats {
            connections: count(&self.connections),
            connections_open,
            connections_refused: count(&self.connections_refused),
            requests: count(&self.requests),
            bytes_read: count(&self.bytes_read),
            bytes_written: count(&self.bytes_written),
            faults: count(&self.faults),
            recent_faults: recent.iter().copied().collect(),
        }
    }
}
