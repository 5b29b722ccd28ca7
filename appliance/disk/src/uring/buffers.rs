//! What the kernel may touch while an operation is in flight.
#![allow(unsafe_code)]

use std::sync::Arc;

use tokio_uring::buf::{IoBuf, IoBufMut};

use crate::memory::Arena;
use crate::{Buffer, SharedBuffer};

// SAFETY: the memory of a Buffer is on the heap, does not move with it, lives as long as it, and
// is initialised throughout.
unsafe impl IoBuf for Buffer {
    fn stable_ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn bytes_init(&self) -> usize {
        self.len()
    }

    fn bytes_total(&self) -> usize {
        self.len()
    }
}

// SAFETY: as above, and a Buffer is the only right to its memory.
unsafe impl IoBufMut for Buffer {
    fn stable_mut_ptr(&mut self) -> *mut u8 {
        self.as_mut_ptr()
    }

    // All bytes are initialised from the start.
    unsafe fn set_init(&mut self, _: usize) {}
}

// SAFETY: as for Buffer; the memory lives as long as any of its owners, and only reads reach it.
unsafe impl IoBuf for SharedBuffer {
    fn stable_ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn bytes_init(&self) -> usize {
        self.len()
    }

    fn bytes_total(&self) -> usize {
        self.len()
    }
}

/// The place of a slab, for its registration with a ring: no right to its bytes. Several rings may
/// register one slab; what may be done with the bytes is up to the buffer that holds the slab.
pub(super) struct SlabPlace {
    pub(super) arena: Arc<Arena>,
    pub(super) slab: usize,
}

// SAFETY: slabs do not move, and live and stay initialised as long as their arena, which this value
// keeps alive. The trait asks for nothing about who else may look.
unsafe impl IoBuf for SlabPlace {
    fn stable_ptr(&self) -> *const u8 {
        self.arena.slab_start(self.slab).as_ptr()
    }

    fn bytes_init(&self) -> usize {
        self.arena.slab_bytes()
    }

    fn bytes_total(&self) -> usize {
        self.arena.slab_bytes()
    }
}

// SAFETY: the pointer comes from the allocation itself and so permits writes. They happen only
// through an operation whose issuer holds the Buffer of this slab until it has ended
// (`transfer::Ring`).
unsafe impl IoBufMut for SlabPlace {
    fn stable_mut_ptr(&mut self) -> *mut u8 {
        self.arena.slab_start(self.slab).as_ptr()
    }

    // All bytes are initialised from the start.
    unsafe fn set_init(&mut self, _: usize) {}
}
