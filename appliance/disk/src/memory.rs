//! Who owns a range of bytes: the ground under buffers and pools.
//!
//! Direct I/O wants block-aligned memory that stays where it is while the kernel works on it, and
//! that nobody else changes meanwhile. Both follow from one rule: a [`Memory`] is the only right to
//! a range, it moves by value, and its range never moves.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::slice;
use std::sync::{Arc, PoisonError};

use model::BLOCK;
use tokio::sync::Semaphore;

use crate::planted::planted;
use crate::sync::Mutex;

/// The alignment that the allocator gives every allocation, in bytes.
const NATURAL: usize = 16;

/// Block-aligned memory from the allocator, zeroed when made, freed when dropped.
///
/// The allocator is asked for one block more at its natural alignment, and the start is aligned
/// here: asked for aligned zeroes it would write them, where fresh pages are zero already. That
/// took 20 ms for a pool of 24 MiB, before the first byte of an export.
pub(crate) struct Region {
    start: NonNull<u8>,
    bytes: usize,
    allocation: NonNull<u8>,
    layout: Layout,
}

// SAFETY: a Region owns its memory as a Box<[u8]> does; it only hands out a raw address.
unsafe impl Send for Region {}
// SAFETY: as above; a shared Region gives nothing but its address and length.
unsafe impl Sync for Region {}

impl Region {
    /// `bytes` zeroed bytes.
    ///
    /// # Panics
    /// When `bytes` is zero or not a multiple of the block size.
    pub(crate) fn zeroed(bytes: usize) -> Self {
        assert!(bytes > 0 && bytes.is_multiple_of(BLOCK), "{bytes} bytes are not whole blocks");
        let Ok(layout) = Layout::from_size_align(bytes.saturating_add(BLOCK), NATURAL) else {
            handle_alloc_error(Layout::new::<u8>());
        };
        // SAFETY: the layout has a size above zero.
        let allocation = unsafe { alloc_zeroed(layout) };
        let Some(allocation) = NonNull::new(allocation) else { handle_alloc_error(layout) };
        let skip = allocation.as_ptr().align_offset(BLOCK);
        assert!(skip < BLOCK, "the address has no block boundary behind it");
        // SAFETY: less than a block is skipped, and the allocation has one block more than asked.
        let start = unsafe { allocation.add(skip) };
        Self { start, bytes, allocation, layout }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes
    }

    /// The address of the byte at `offset`, which must lie within the region.
    pub(crate) fn at(&self, offset: usize) -> NonNull<u8> {
        assert!(offset < self.len());
        // SAFETY: the offset is below the size of the allocation.
        unsafe { self.start.add(offset) }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: allocated by `zeroed` with this layout, and freed only here.
        unsafe { dealloc(self.allocation.as_ptr(), self.layout) }
    }
}

/// The memory of a pool: equal slabs in one region, and the list of those that nobody has.
pub(crate) struct Arena {
    region: Region,
    slab_bytes: usize,
    free: Mutex<Vec<usize>>,
    /// One permit for each entry of `free`; whoever takes an entry forgets its permit.
    pub(crate) available: Semaphore,
}

impl Arena {
    /// See [`crate::BufferPool::new`].
    pub(crate) fn new(slab_bytes: usize, slabs: usize) -> Self {
        assert!(slab_bytes.is_multiple_of(BLOCK), "{slab_bytes} bytes are not whole blocks");
        Self {
            region: Region::zeroed(slab_bytes.saturating_mul(slabs)),
            slab_bytes,
            free: Mutex::new((0..slabs).rev().collect()),
            available: Semaphore::new(slabs),
        }
    }

    pub(crate) fn slab_bytes(&self) -> usize {
        self.slab_bytes
    }

    pub(crate) fn slabs(&self) -> usize {
        self.region.len() / self.slab_bytes
    }

    pub(crate) fn slab_start(&self, slab: usize) -> NonNull<u8> {
        self.region.at(slab * self.slab_bytes)
    }

    /// The right to a slab that nobody has; `None` only without a permit.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Memory> {
        // The slab that came back last is the likeliest to be in the processor's cache.
        let slab = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
        let home = Home::Slab { arena: self.clone(), slab };
        Some(Memory { start: self.slab_start(slab), len: self.slab_bytes, home })
    }

    /// Ends the right to a slab; called once for each `take`, when its `Memory` is dropped.
    fn give_back(&self, slab: usize) {
        if planted() {
            self.available.add_permits(1);
        }
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(slab);
        // After the slab: who gets a permit and finds no slab has forgotten the permit.
        if !planted() {
            self.available.add_permits(1);
        }
    }
}

/// The sole right to read and write one range of bytes. All of them are initialised.
pub(crate) struct Memory {
    start: NonNull<u8>,
    len: usize,
    home: Home,
}

enum Home {
    /// The memory is all of this region.
    Own { _region: Region },
    /// The memory is one slab of a pool, to which it goes back.
    Slab { arena: Arc<Arena>, slab: usize },
}

// SAFETY: a Memory is the only right to its range, like a Box<[u8]>, so it may change threads.
unsafe impl Send for Memory {}
// SAFETY: a shared Memory allows reads only.
unsafe impl Sync for Memory {}

impl Memory {
    /// See [`Region::zeroed`].
    pub(crate) fn zeroed(bytes: usize) -> Self {
        let region = Region::zeroed(bytes);
        Self { start: region.at(0), len: bytes, home: Home::Own { _region: region } }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The pool and slab that this memory is, unless it stands alone.
    pub(crate) fn slab(&self) -> Option<(&Arc<Arena>, usize)> {
        match &self.home {
            Home::Own { .. } => None,
            Home::Slab { arena, slab } => Some((arena, *slab)),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: `len` initialised bytes from `start` belong to this value alone, and the borrow
        // keeps it from giving out a mutable slice or going away.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`; the mutable borrow makes the slice the only one.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Home::Slab { arena, slab } = &self.home {
            arena.give_back(*slab);
        }
    }
}
