//! The memory of transfers: filled by one owner, then shared for reading.

use std::fmt;
use std::ops::{Deref, DerefMut, Range};
use std::sync::Arc;

use model::BLOCK;

use crate::memory::Memory;

/// Block-aligned bytes with one owner; the length is a multiple of [`model::BLOCK`] above zero.
pub struct Buffer {
    pub(crate) memory: Memory,
    len: usize,
}

impl Buffer {
    /// `len` zeroes outside any pool.
    ///
    /// # Panics
    /// When `len` is zero or not a multiple of the block size.
    pub fn zeroed(len: usize) -> Self {
        Self { memory: Memory::zeroed(len), len }
    }

    pub(crate) fn whole(memory: Memory) -> Self {
        let len = memory.len();
        Self { memory, len }
    }

    /// Bytes in the buffer.
    #[allow(clippy::len_without_is_empty, reason = "a buffer is never empty")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Leaves out all bytes from `len` on: for a transfer shorter than a pool's slab.
    ///
    /// # Panics
    /// When `len` is zero, not a multiple of the block size, or more than there is.
    pub fn truncate(&mut self, len: usize) {
        assert!(0 < len && len <= self.len && len.is_multiple_of(BLOCK), "cannot keep {len} bytes");
        self.len = len;
    }

    /// Ends writing, so that the bytes can be shared.
    pub fn freeze(self) -> SharedBuffer {
        SharedBuffer { memory: Arc::new(self.memory), start: 0, len: self.len }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.memory.bytes()[..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.memory.bytes_mut()[..self.len]
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", self.len)
    }
}

/// Block-aligned bytes that no longer change, with any number of owners; cloning copies nothing.
#[derive(Clone)]
pub struct SharedBuffer {
    pub(crate) memory: Arc<Memory>,
    pub(crate) start: usize,
    len: usize,
}

impl SharedBuffer {
    /// Bytes in the buffer.
    #[allow(clippy::len_without_is_empty, reason = "a buffer is never empty")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The same memory, seen through a part of it.
    ///
    /// # Panics
    /// When the range is empty, is not whole blocks, or ends beyond the buffer.
    pub fn slice(&self, range: Range<usize>) -> Self {
        let aligned = range.start.is_multiple_of(BLOCK) && range.end.is_multiple_of(BLOCK);
        assert!(aligned && range.start < range.end && range.end <= self.len, "no blocks {range:?}");
        Self {
            memory: self.memory.clone(),
            start: self.start + range.start,
            len: range.end - range.start,
        }
    }
}

impl Deref for SharedBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.memory.bytes()[self.start..self.start + self.len]
    }
}

impl fmt::Debug for SharedBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedBuffer({} bytes)", self.len)
    }
}
