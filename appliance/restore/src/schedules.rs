//! Readers that share opened chunks, under many schedules: each chunk is fetched once, the bound
//! holds, and nobody waits for one who gave up.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use disk::schedules::{explore, finds, some_turns, turn};
use futures_util::future::join_all;
use model::Digest;
use shuttle::future::{block_on, spawn};
use shuttle::rand::{Rng, thread_rng};

use crate::fetching::{Chunks, Claim, Fetch, Found, Plain};
use crate::planted::plant;

/// Chunks that there are, and bytes of each.
const CHUNKS: u8 = 4;
const CHUNK_BYTES: usize = 10;
const READERS: usize = 3;

fn digest(number: u8) -> Digest {
    Digest([number; 32])
}

/// Where chunks come from, and who is getting which.
#[derive(Default)]
struct Source {
    /// One in so many fetches fails, if any.
    fails: Option<u32>,
    under_way: Mutex<HashSet<Digest>>,
    fetched: Mutex<HashMap<Digest, usize>>,
}

/// One chunk on its way from the source.
struct UnderWay<'a>(&'a Source, Digest);

impl<'a> UnderWay<'a> {
    fn begin(source: &'a Source, digest: Digest) -> Self {
        assert!(source.under_way.lock().unwrap().insert(digest), "fetched by two at once");
        *source.fetched.lock().unwrap().entry(digest).or_default() += 1;
        Self(source, digest)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.lock().unwrap().remove(&self.1);
    }
}

impl Fetch for Source {
    type Error = ();

    async fn fetch(&self, mut claim: Claim<'_>, found: &mut Found) -> Result<(), ()> {
        for (number, digest) in claim.digests().to_vec().into_iter().enumerate() {
            let under_way = UnderWay::begin(self, digest);
            turn().await;
            if self.fails.is_some_and(|one_in| thread_rng().gen_ratio(1, one_in)) {
                return Err(());
            }
            drop(under_way);
            let plain = Plain::new(vec![digest.0[0]; CHUNK_BYTES]);
            claim.deliver(number, &plain);
            found.insert(digest, plain);
        }
        Ok(())
    }
}

/// Reads some chunks, and others along with them.
async fn read(chunks: Arc<Chunks>, source: Arc<Source>, limit: usize) -> Result<(), ()> {
    for _ in 0..2 {
        let first = thread_rng().gen_range(0..CHUNKS);
        let needed = [digest(first), digest((first + 1) % CHUNKS)];
        let ahead = || vec![digest((first + 2) % CHUNKS)];
        let found = chunks.gather(&needed, ahead, &*source).await?;
        for digest in needed {
            assert_eq!(*found[&digest], vec![digest.0[0]; CHUNK_BYTES]);
        }
        assert!(chunks.bytes() <= limit.max(CHUNK_BYTES), "more than the bound");
    }
    Ok(())
}

/// All find room, and nobody fails: each chunk is fetched once.
fn sharing() {
    let limit = usize::from(CHUNKS) * CHUNK_BYTES;
    let (chunks, source) = (Arc::new(Chunks::new(limit)), Arc::new(Source::default()));
    let readers = (0..READERS).map(|_| spawn(read(chunks.clone(), source.clone(), limit)));
    let readers: Vec<_> = readers.collect();
    block_on(async {
        join_all(readers).await.into_iter().for_each(|read| read.unwrap().unwrap());
    });
    let fetched = source.fetched.lock().unwrap();
    assert!(fetched.values().all(|times| *times == 1), "{fetched:?}");
}

/// There is room for two chunks, fetches fail, and one reader goes away: the others get theirs, and
/// no chunk stays on its way for ever.
fn giving_up() {
    let limit = 2 * CHUNK_BYTES;
    let source = Source { fails: Some(6), ..Source::default() };
    let (chunks, source) = (Arc::new(Chunks::new(limit)), Arc::new(source));
    let readers = (0..READERS).map(|_| spawn(read(chunks.clone(), source.clone(), limit)));
    let readers: Vec<_> = readers.collect();
    block_on(async {
        some_turns(20).await;
        readers[0].abort();
        for (number, outcome) in join_all(readers).await.into_iter().enumerate() {
            assert!(outcome.is_ok() || number == 0);
        }
        let sure = Source::default();
        let all: Vec<Digest> = (0..CHUNKS).map(digest).collect();
        let found = chunks.gather(&all, Vec::new, &sure).await;
        assert_eq!(found.map(|found| found.len()), Ok(usize::from(CHUNKS)));
    });
}

#[test]
fn no_schedule_fetches_a_chunk_twice() {
    explore(10_000, sharing);
}

#[test]
fn no_schedule_leaves_a_reader_waiting_or_breaks_the_bound() {
    explore(10_000, giving_up);
}

#[test]
fn schedules_find_a_chunk_that_is_nowhere_for_a_moment() {
    let found = finds(10_000, || {
        plant();
        sharing();
    });
    println!("under schedule {found:?}");
    assert!(found.is_some());
}
