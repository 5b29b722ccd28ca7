//! A fixed number of equal buffers: the bound on memory in flight.
//!
//! All slabs are one allocation, so that a ring can register them with the kernel once. A page of
//! it takes memory from its first use on.

use std::fmt;
use std::sync::Arc;

use crate::Buffer;
use crate::memory::Arena;

/// Hands out buffers of one size and takes them back when their last owner drops them. Clones
/// share the slabs.
#[derive(Clone)]
pub struct BufferPool {
    arena: Arc<Arena>,
}

impl BufferPool {
    /// `slabs` buffers of `slab_bytes` each. Transfers of 64 KiB and more from a pool with at most
    /// 1,024 slabs use memory registered with the ring.
    ///
    /// # Panics
    /// When `slabs` is zero, or `slab_bytes` is zero or not a multiple of the block size.
    pub fn new(slab_bytes: usize, slabs: usize) -> Self {
        Self { arena: Arc::new(Arena::new(slab_bytes, slabs)) }
    }

    /// A buffer of [`slab_bytes`](Self::slab_bytes), as soon as one is free; who waits longest
    /// gets it. Its contents are whatever the last owner left.
    pub async fn acquire(&self) -> Buffer {
        loop {
            // The semaphore is never closed, and a permit stands for a free slab.
            if let Ok(permit) = self.arena.available.acquire().await {
                permit.forget();
            }
            if let Some(memory) = self.arena.take() {
                return Buffer::whole(memory);
            }
        }
    }

    /// A buffer, if one is free now.
    pub fn try_acquire(&self) -> Option<Buffer> {
        self.arena.available.try_acquire().ok()?.forget();
        self.arena.take().map(Buffer::whole)
    }

    /// Bytes of one buffer.
    pub fn slab_bytes(&self) -> usize {
        self.arena.slab_bytes()
    }

    /// Buffers that could be had now without waiting.
    pub fn free(&self) -> usize {
        self.arena.available.available_permits()
    }
}

impl fmt::Debug for BufferPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BufferPool({} of {} free)", self.free(), self.arena.slabs())
    }
}
