//! Chunks that are being stored right now.
//!
//! Workers that come upon the same new chunk at once would both find that the store lacks it, and
//! both store it. Whoever comes second waits instead, and then finds it there.

use std::collections::HashSet;
use std::sync::{Condvar, Mutex, PoisonError};

use model::Digest;

/// The digests that some worker of this ingest has claimed: at most one for each worker.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    digests: Mutex<HashSet<Digest>>,
    released: Condvar,
}

/// The right to store a chunk, until it is dropped.
#[derive(Debug)]
pub(crate) struct Claim<'a> {
    claims: &'a Claims,
    digest: Digest,
}

impl Claims {
    /// Claims a chunk, once no other worker has it claimed. A worker that holds a claim must not
    /// ask for another one.
    pub(crate) fn claim(&self, digest: Digest) -> Claim<'_> {
        let digests = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        let free = self.released.wait_while(digests, |digests| digests.contains(&digest));
        free.unwrap_or_else(PoisonError::into_inner).insert(digest);
        Claim { claims: self, digest }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut digests = self.claims.digests.lock().unwrap_or_else(PoisonError::into_inner);
        digests.remove(&self.digest);
        drop(digests);
        self.claims.released.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn one_worker_at_a_time_stores_a_chunk_and_others_wait() {
        let claims = Claims::default();
        let stored = AtomicBool::new(false);
        let times = Mutex::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let _claim = claims.claim(Digest([1; 32]));
                    if !stored.load(Ordering::Relaxed) {
                        *times.lock().unwrap() += 1;
                        stored.store(true, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(times.into_inner().unwrap(), 1);
    }

    #[test]
    fn different_chunks_do_not_wait_for_each_other() {
        let claims = Claims::default();
        let _one = claims.claim(Digest([1; 32]));
        let _two = claims.claim(Digest([2; 32]));
    }
}
