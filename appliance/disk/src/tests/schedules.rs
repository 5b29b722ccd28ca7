//! The buffer pool, and who waits for the end of a disk's service, under many schedules.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use model::BLOCK;
use shuttle::future::{block_on, spawn};
use shuttle::rand::{Rng, thread_rng};

use crate::fence::Fence;
use crate::planted::plant;
use crate::schedules::{explore, finds, some_turns, turn};
use crate::{BufferPool, FailReason};

/// Slabs of the pool, fewer than there are tasks.
const SLABS: usize = 2;
const TASKS: usize = 4;

/// Who counts the buffers that tasks have.
#[derive(Clone, Default)]
struct Held(Arc<AtomicUsize>);

impl Held {
    /// Writes into a buffer, lets others have their turn, and looks whether it is as it was left.
    async fn use_one(&self, mut buffer: crate::Buffer, mark: u8) {
        assert!(self.0.fetch_add(1, Ordering::Relaxed) < SLABS, "more buffers than slabs");
        let _one = One(&self.0);
        buffer[..8].fill(mark);
        turn().await;
        assert_eq!(buffer[..8], [mark; 8], "somebody else has the same slab");
    }
}

/// One that is held, until it goes: before its buffer does.
struct One<'a>(&'a AtomicUsize);

impl Drop for One<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Tasks that wait for a buffer, try for one, share one, or give up waiting: never more buffers
/// than slabs, none twice, none lost, and who waits gets one.
fn pool() {
    let pool = BufferPool::new(BLOCK, SLABS);
    let held = Held::default();
    let tasks: Vec<_> = (1..=TASKS as u8)
        .map(|mark| {
            let (pool, held) = (pool.clone(), held.clone());
            spawn(async move {
                for _ in 0..2 {
                    let free = (mark % 2 == 0).then(|| pool.try_acquire()).flatten();
                    let buffer = match free {
                        Some(buffer) => buffer,
                        None => pool.acquire().await,
                    };
                    held.use_one(buffer, mark).await;
                }
                let shared = pool.acquire().await.freeze();
                let part = shared.slice(0..BLOCK);
                spawn(async move { drop(part) });
                drop(shared);
            })
        })
        .collect();
    block_on(async {
        if thread_rng().gen_bool(0.5) {
            some_turns(40).await;
            tasks[0].abort();
        }
        for (number, outcome) in join_all(tasks).await.into_iter().enumerate() {
            assert!(outcome.is_ok() || number == 0);
        }
        let all: Vec<_> = join_all((0..SLABS).map(|_| pool.acquire())).await;
        assert!(pool.try_acquire().is_none());
        drop(all);
    });
    assert_eq!(pool.free(), SLABS);
}

/// However late somebody begins to wait for the end of a disk's service, he hears of it.
fn fence() {
    let fence = Arc::new(Fence::default());
    let waiting: Vec<_> = (0..2)
        .map(|_| {
            let fence = fence.clone();
            spawn(async move { fence.panicked().await })
        })
        .collect();
    let raising = [FailReason::Flush, FailReason::Panic].map(|reason| {
        let fence = fence.clone();
        spawn(async move { fence.raise(reason) })
    });
    block_on(async {
        join_all(raising).await;
        assert!(join_all(waiting).await.iter().all(Result::is_ok));
    });
    assert!(fence.has_panicked() && fence.reason().is_some());
}

#[test]
fn no_schedule_makes_the_pool_break_its_bound_or_forget_who_waits() {
    explore(20_000, pool);
}

#[test]
fn no_schedule_hides_the_end_of_service() {
    explore(5_000, fence);
}

#[test]
fn schedules_find_a_permit_that_comes_before_its_slab() {
    let found = finds(10_000, || {
        plant();
        pool();
    });
    println!("under schedule {found:?}");
    assert!(found.is_some());
}
