//! Memory registered with the ring, so that the kernel need not pin its pages for each transfer.
//!
//! A ring registers the slabs of the first pool that it meets, and keeps them until it ends. That
//! saves a quarter of the processor time of large transfers and nothing for small ones. Several
//! disks may register one pool, because a shared buffer is written to several disks at once.
//!
//! Registering takes about 10 ms, most of it for pages that nobody has touched. So it waits until
//! there have been some large transfers: a process that only opens a pool and reads a few blocks
//! answers sooner.

use std::cell::RefCell;
use std::sync::Arc;

use tokio_uring::buf::fixed::{FixedBuf, FixedBufRegistry};

use super::buffers::SlabPlace;
use crate::memory::{Arena, Memory};

/// The smallest transfer, in bytes, for which registered memory is faster.
const FIXED_BYTES_MIN: usize = 64 << 10;

/// Slabs that one ring can register (UIO_MAXIOV); those beyond it are transferred the plain way.
const FIXED_SLABS_MAX: usize = 1_024;

/// Large transfers that are made the plain way before slabs are registered. Few in tests of this
/// crate, most of whose transfers shall be of the other way.
const LARGE_TRANSFERS_FIRST: u32 = if cfg!(test) { 1 } else { 16 };

/// The registration of one ring.
#[derive(Default)]
pub(super) struct Registration {
    state: RefCell<State>,
}

enum State {
    /// This many large transfers from now, slabs are registered.
    Waiting(u32),
    Done {
        arena: Arc<Arena>,
        slabs: FixedBufRegistry<SlabPlace>,
    },
    /// The kernel would not: most likely the process may not lock that much memory.
    Refused,
}

impl Default for State {
    fn default() -> Self {
        Self::Waiting(LARGE_TRANSFERS_FIRST)
    }
}

impl Registration {
    /// The registered form of `memory` for a transfer of `length` bytes, if there is one and no
    /// other operation of this ring uses it.
    pub(super) fn check_out(&self, memory: &Memory, length: usize) -> Option<FixedBuf> {
        let (arena, slab) = memory.slab()?;
        if length < FIXED_BYTES_MIN || slab >= FIXED_SLABS_MAX {
            return None;
        }
        let mut state = self.state.borrow_mut();
        match &mut *state {
            State::Waiting(0) => *state = register(arena),
            State::Waiting(left) => *left -= 1,
            _ => {}
        }
        match &*state {
            State::Done { arena: registered, slabs } if Arc::ptr_eq(registered, arena) => {
                slabs.check_out(slab)
            }
            _ => None,
        }
    }
}

fn register(arena: &Arc<Arena>) -> State {
    let count = arena.slabs().min(FIXED_SLABS_MAX);
    let places = (0..count).map(|slab| SlabPlace { arena: arena.clone(), slab });
    let slabs = FixedBufRegistry::new(places);
    match slabs.register() {
        Ok(()) => State::Done { arena: arena.clone(), slabs },
        Err(_) => State::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Buffer, BufferPool};

    #[test]
    fn registers_the_slabs_of_the_first_pool_with_large_ones() {
        let [small, first, second] = [FIXED_BYTES_MIN / 2, FIXED_BYTES_MIN, FIXED_BYTES_MIN]
            .map(|bytes| BufferPool::new(bytes, 2).try_acquire().unwrap());
        let alone = Buffer::zeroed(FIXED_BYTES_MIN);
        tokio_uring::start(async {
            let registration = Registration::default();
            let check_out = |buffer: &Buffer| registration.check_out(&buffer.memory, buffer.len());
            assert!(check_out(&small).is_none());
            assert!(check_out(&alone).is_none());
            for _ in 0..LARGE_TRANSFERS_FIRST {
                assert!(check_out(&first).is_none(), "too early");
            }
            let fixed = check_out(&first).expect("registered");
            assert!(check_out(&first).is_none(), "one operation at a time");
            assert!(check_out(&second).is_none(), "one pool");
            drop(fixed);
            assert!(check_out(&first).is_some());
        });
    }
}
