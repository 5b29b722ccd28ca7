//! Buffers and pools.

use futures_util::future::{Either, select};
use model::BLOCK;
use proptest::prelude::*;

use super::fixture::wait;
use crate::{Buffer, BufferPool, SharedBuffer};

#[test]
fn a_pool_hands_out_no_more_than_it_has() {
    let pool = BufferPool::new(BLOCK, 2);
    let one = pool.try_acquire().unwrap();
    let two = pool.try_acquire().unwrap();
    assert!(pool.try_acquire().is_none());
    let shared = two.freeze();
    let part = shared.slice(0..BLOCK);
    wait(async {
        let waiting = std::pin::pin!(pool.acquire());
        let Either::Right((_, waiting)) = select(waiting, std::pin::pin!(async {})).await else {
            panic!("there was nothing to hand out");
        };
        drop(shared);
        assert_eq!(pool.free(), 0, "a part still has the slab");
        drop(part);
        waiting.await;
    });
    drop(one);
    assert_eq!(pool.free(), 2);
}

#[test]
fn slabs_outlive_their_pool() {
    let pool = BufferPool::new(BLOCK, 1);
    let mut buffer = pool.try_acquire().unwrap();
    drop(pool);
    buffer.fill(1);
    assert!(buffer.freeze().iter().all(|&byte| byte == 1));
}

#[test]
fn buffers_are_aligned_for_direct_transfers() {
    let pool = BufferPool::new(3 * BLOCK, 5);
    let buffers: Vec<Buffer> = std::iter::from_fn(|| pool.try_acquire()).collect();
    assert_eq!(buffers.len(), 5);
    let aligned = |buffer: &Buffer| buffer.as_ptr().addr().is_multiple_of(BLOCK);
    assert!(buffers.iter().chain([&Buffer::zeroed(BLOCK)]).all(aligned));
}

proptest! {
    /// Slices of slices are what slicing the bytes gives.
    #[test]
    fn slices_see_the_same_bytes(
        cuts in proptest::collection::vec((0_usize..16, 1_usize..16), 0..5),
    ) {
        let mut buffer = Buffer::zeroed(16 * BLOCK);
        buffer.chunks_exact_mut(BLOCK).enumerate().for_each(|(at, block)| block.fill(at as u8));
        let mut shared: SharedBuffer = buffer.freeze();
        let mut model = shared.to_vec();
        for (start, len) in cuts {
            let blocks = model.len() / BLOCK;
            let start = start % blocks;
            let end = (start + len).min(blocks);
            shared = shared.slice(start * BLOCK..end * BLOCK);
            model = model[start * BLOCK..end * BLOCK].to_vec();
            prop_assert_eq!(&*shared, &*model);
        }
    }
}
