//! Opened chunks, and who is fetching those that are not there: each is fetched once, however many
//! readers ask for it meanwhile.
//!
//! Without that, requests that run side by side over neighbouring ranges would each fetch what one
//! of them reads ahead, which cost five times the processor time of a copy.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, PoisonError};

use model::Digest;
use tokio::sync::oneshot;

use crate::cache::ChunkCache;
use crate::planted::planted;
use crate::sync::{Mutex, MutexGuard};

/// An opened chunk.
pub(crate) type Plain = Arc<Vec<u8>>;

/// Opened chunks that one reader works with.
pub(crate) type Found = HashMap<Digest, Plain>;

/// Who gets and opens chunks that are not in memory.
pub(crate) trait Fetch {
    type Error;

    /// Delivers everything that was claimed, and adds it to `found`.
    fn fetch(
        &self,
        claim: Claim<'_>,
        found: &mut Found,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// Where a chunk is, for one who needs it.
#[derive(Debug)]
pub(crate) enum Whereabouts {
    Here(Plain),
    /// Another reader fetches it. The answer fails when that reader gives up.
    Coming(oneshot::Receiver<Plain>),
    /// Nobody has it; the claim of who asked has it now.
    Claimed,
}

/// Chunks that were opened or are being fetched. Shared by all readers of a volume.
#[derive(Debug)]
pub(crate) struct Chunks(Mutex<State>);

#[derive(Debug)]
struct State {
    cache: ChunkCache,
    /// What is being fetched, each with those who wait for it: at most one of every request under
    /// way.
    coming: HashMap<Digest, Vec<oneshot::Sender<Plain>>>,
}

impl Chunks {
    /// Keeps at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self(Mutex::new(State { cache: ChunkCache::new(limit), coming: HashMap::new() }))
    }

    /// All of these chunks. What is neither there nor on its way is fetched, and what `ahead` gives
    /// along with it.
    pub(crate) async fn gather<F: Fetch>(
        &self,
        needed: &[Digest],
        ahead: impl Fn() -> Vec<Digest>,
        from: &F,
    ) -> Result<Found, F::Error> {
        let mut found = Found::new();
        let mut reads_ahead = true;
        loop {
            let mut claim = self.claim();
            let mut coming = Vec::new();
            for digest in needed {
                if found.contains_key(digest) {
                    continue;
                }
                match claim.need(digest) {
                    Whereabouts::Here(plain) => drop(found.insert(*digest, plain)),
                    Whereabouts::Coming(plain) => coming.push((*digest, plain)),
                    Whereabouts::Claimed => {}
                }
            }
            let own = claim.digests().len();
            if own == 0 && coming.is_empty() {
                return Ok(found);
            }
            if reads_ahead && own > 0 {
                ahead().iter().for_each(|digest| claim.want(digest));
            }
            let also_ahead = claim.digests().len() > own;
            if own > 0 {
                match from.fetch(claim, &mut found).await {
                    // What is lost may lie ahead, where nobody has asked for it.
                    Err(_) if also_ahead => reads_ahead = false,
                    outcome => outcome?,
                }
            }
            for (digest, plain) in coming {
                // Whoever fetched it may have failed; then it is this reader's turn.
                if let Ok(plain) = plain.await {
                    found.insert(digest, plain);
                }
            }
        }
    }

    /// An empty claim.
    pub(crate) fn claim(&self) -> Claim<'_> {
        Claim { chunks: self, digests: Vec::new(), delivered: Vec::new() }
    }

    /// Bytes of memory that are kept.
    #[cfg(all(test, feature = "schedules"))]
    pub(crate) fn bytes(&self) -> usize {
        self.state().cache.bytes()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Chunks that one reader has undertaken to fetch. What it has not delivered when it is dropped,
/// others may fetch.
#[derive(Debug)]
pub(crate) struct Claim<'a> {
    chunks: &'a Chunks,
    digests: Vec<Digest>,
    delivered: Vec<bool>,
}

impl Claim<'_> {
    /// What was claimed, each once.
    pub(crate) fn digests(&self) -> &[Digest] {
        &self.digests
    }

    /// Looks for a chunk that is needed. To be fetched by the claim if nobody has it.
    pub(crate) fn need(&mut self, digest: &Digest) -> Whereabouts {
        let mut state = self.chunks.state();
        if let Some(plain) = state.cache.get(digest) {
            return Whereabouts::Here(plain);
        }
        if self.digests.contains(digest) {
            return Whereabouts::Claimed;
        }
        if let Some(waiting) = state.coming.get_mut(digest) {
            let (answer, coming) = oneshot::channel();
            waiting.push(answer);
            return Whereabouts::Coming(coming);
        }
        self.add(&mut state, digest);
        Whereabouts::Claimed
    }

    /// Claims a chunk that will be needed soon, unless it is there or on its way.
    pub(crate) fn want(&mut self, digest: &Digest) {
        let mut state = self.chunks.state();
        if state.cache.get(digest).is_none() && !state.coming.contains_key(digest) {
            self.add(&mut state, digest);
        }
    }

    fn add(&mut self, state: &mut State, digest: &Digest) {
        state.coming.insert(*digest, Vec::new());
        self.digests.push(*digest);
        self.delivered.push(false);
    }

    /// Keeps a claimed chunk, by its number in [`digests`](Self::digests), and gives it to those
    /// who wait for it. Gives back memory of one that was dropped for it.
    pub(crate) fn deliver(&mut self, number: usize, plain: &Plain) -> Option<Vec<u8>> {
        let digest = self.digests.get(number)?;
        let delivered = self.delivered.get_mut(number)?;
        let mut state = self.chunks.state();
        let waiting = match mem::replace(delivered, true) {
            // Somebody else may be fetching it by now.
            true => None,
            false => state.coming.remove(digest),
        };
        if planted() {
            drop(state);
            state = self.chunks.state();
        }
        let dropped = state.cache.put(*digest, plain.clone());
        drop(state);
        for answer in waiting.into_iter().flatten() {
            // Who asked may have gone.
            let _ = answer.send(plain.clone());
        }
        dropped
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let left = self.digests.iter().zip(&self.delivered).filter(|(_, delivered)| !**delivered);
        let mut state = self.chunks.state();
        let abandoned: Vec<_> = left.map(|(digest, _)| state.coming.remove(digest)).collect();
        drop(state);
        // Dropping the senders wakes who waits, outside the lock.
        drop(abandoned);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: Digest = Digest([7; 32]);

    #[test]
    fn a_chunk_is_claimed_once_and_given_to_all_who_wait() {
        let chunks = Chunks::new(1000);
        let (mut first, mut second) = (chunks.claim(), chunks.claim());
        assert!(matches!(first.need(&DIGEST), Whereabouts::Claimed));
        assert!(matches!(first.need(&DIGEST), Whereabouts::Claimed), "its own");
        let Whereabouts::Coming(mut coming) = second.need(&DIGEST) else { panic!("not coming") };
        second.want(&DIGEST);
        assert_eq!((first.digests(), second.digests()), (&[DIGEST][..], &[][..]));
        assert!(coming.try_recv().is_err());
        first.deliver(0, &Plain::new(vec![1; 10]));
        assert_eq!(*coming.try_recv().unwrap(), vec![1; 10]);
        assert!(matches!(second.need(&DIGEST), Whereabouts::Here(_)));
    }

    #[test]
    fn what_a_reader_gives_up_another_may_fetch() {
        let chunks = Chunks::new(1000);
        let (mut first, mut second) = (chunks.claim(), chunks.claim());
        assert!(matches!(first.need(&DIGEST), Whereabouts::Claimed));
        let Whereabouts::Coming(coming) = second.need(&DIGEST) else { panic!("not coming") };
        drop(first);
        assert!(futures_executor::block_on(coming).is_err());
        assert!(matches!(second.need(&DIGEST), Whereabouts::Claimed));
    }

    #[test]
    fn a_claim_that_delivered_takes_nothing_from_a_later_one() {
        // The second chunk pushes the first out at once.
        let chunks = Chunks::new(1);
        let (mut first, mut second) = (chunks.claim(), chunks.claim());
        first.need(&DIGEST);
        first.deliver(0, &Plain::new(vec![1; 10]));
        first.need(&Digest([8; 32]));
        first.deliver(1, &Plain::new(vec![2; 10]));
        assert!(matches!(second.need(&DIGEST), Whereabouts::Claimed));
        drop(first);
        assert!(matches!(chunks.claim().need(&DIGEST), Whereabouts::Coming(_)));
    }
}
