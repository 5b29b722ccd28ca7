//! Opened chunks in bounded memory: the second-chance rule, which is as good as least-recently
//! used for this and costs nothing on a hit but a flag (Corbató, 1968).

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use model::Digest;

use crate::fetching::Plain;

#[derive(Debug)]
struct Kept {
    plain: Plain,
    used: AtomicBool,
}

/// Opened chunks by digest.
#[derive(Debug)]
pub(crate) struct ChunkCache {
    map: HashMap<Digest, Kept>,
    queue: VecDeque<Digest>,
    bytes: usize,
    limit: usize,
}

impl ChunkCache {
    /// A cache of at most `limit` bytes of memory, which may be more than its chunks have; it holds
    /// one chunk even if that is longer.
    pub(crate) fn new(limit: usize) -> Self {
        Self { map: HashMap::new(), queue: VecDeque::new(), bytes: 0, limit }
    }

    pub(crate) fn get(&self, digest: &Digest) -> Option<Plain> {
        let kept = self.map.get(digest)?;
        kept.used.store(true, Ordering::Relaxed);
        Some(kept.plain.clone())
    }

    /// Keeps a chunk. Gives back memory of one that was dropped, if nobody reads it any more.
    pub(crate) fn put(&mut self, digest: Digest, plain: Plain) -> Option<Vec<u8>> {
        self.bytes += plain.capacity();
        let kept = Kept { plain, used: AtomicBool::new(false) };
        match self.map.insert(digest, kept) {
            Some(old) => self.bytes -= old.plain.capacity(),
            None => self.queue.push_back(digest),
        }
        let mut dropped = None;
        while self.bytes > self.limit && self.queue.len() > 1 {
            dropped = self.drop_one().or(dropped);
        }
        dropped.and_then(Arc::into_inner)
    }

    /// Bytes of memory that it takes.
    #[cfg(all(test, feature = "schedules"))]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn drop_one(&mut self) -> Option<Plain> {
        let oldest = self.queue.pop_front()?;
        let used = |kept: &Kept| kept.used.swap(false, Ordering::Relaxed);
        if self.map.get(&oldest).is_some_and(used) {
            self.queue.push_back(oldest);
            return None;
        }
        let old = self.map.remove(&oldest)?;
        self.bytes -= old.plain.capacity();
        Some(old.plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_bound_holds() {
        let digest = |number: u8| Digest([number; 32]);
        let mut cache = ChunkCache::new(1000);
        for number in 0..10 {
            cache.put(digest(number), Arc::new(vec![number; 100]));
        }
        assert!(cache.get(&digest(0)).is_some());
        for number in 10..15 {
            cache.put(digest(number), Arc::new(vec![number; 100]));
            assert!(cache.bytes <= 1000);
        }
        assert!(cache.get(&digest(0)).is_some(), "it was used");
        assert!(cache.get(&digest(1)).is_none(), "it was not");
        assert_eq!(cache.map.len(), cache.queue.len());
    }
}
