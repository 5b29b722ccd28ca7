//! Reads and appends that somebody waits for, as far as background work has to know of them.
//!
//! Nothing depends on the order in which these counters are seen, so they are no step of a schedule
//! that a test plays (see `sync.rs`).

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Counts them. What runs in the background itself is not counted.
#[derive(Debug, Default)]
pub(crate) struct Foreground {
    running: AtomicUsize,
    begun: AtomicU64,
}

/// How many had begun by some moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen(pub(crate) u64);

/// Somebody waits, as long as this is there.
#[derive(Debug)]
pub(crate) struct Waited<'a>(&'a Foreground);

impl Foreground {
    pub(crate) fn enter(&self) -> Waited<'_> {
        self.running.fetch_add(1, Ordering::Relaxed);
        self.begun.fetch_add(1, Ordering::Relaxed);
        Waited(self)
    }

    pub(crate) fn seen(&self) -> Seen {
        Seen(self.begun.load(Ordering::Relaxed))
    }

    /// Whether anybody has waited since.
    pub(crate) fn was_there_since(&self, seen: Seen) -> bool {
        self.running.load(Ordering::Relaxed) > 0 || self.begun.load(Ordering::Relaxed) != seen.0
    }
}

impl Drop for Waited<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_seen_while_they_wait_and_when_they_came_and_went() {
        let others = Foreground::default();
        let before = others.seen();
        assert!(!others.was_there_since(before));
        let waited = others.enter();
        let within = others.seen();
        assert!(others.was_there_since(before) && others.was_there_since(within));
        drop(waited);
        assert!(others.was_there_since(before) && !others.was_there_since(within));
    }
}
