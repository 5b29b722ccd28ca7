//! How far a long work is, for whoever watches, and the wish to stop it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Counters that workers advance. All amounts are in bytes.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    total: AtomicU64,
    added: AtomicU64,
    stop: AtomicBool,
}

impl Progress {
    /// Bytes that are through, holes included.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Bytes that there are to do.
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// Bytes added to the store, or written to a target, so far.
    pub fn added(&self) -> u64 {
        self.added.load(Ordering::Relaxed)
    }

    /// Asks the workers to stop after the range they are at.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    /// Whether somebody asked to stop.
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Adds to what there is to do.
    pub fn begin(&self, total: u64) {
        self.total.fetch_add(total, Ordering::Relaxed);
    }

    /// Notes what is through.
    pub fn advance(&self, done: u64, added: u64) {
        self.done.fetch_add(done, Ordering::Relaxed);
        self.added.fetch_add(added, Ordering::Relaxed);
    }
}
