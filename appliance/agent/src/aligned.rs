//! A buffer that a disk can be read into without the page cache between.

use std::ops::Range;

/// What O_DIRECT asks of addresses, on any disk.
const ALIGNMENT: usize = 4096;

/// Bytes at an aligned address.
#[derive(Debug)]
pub(crate) struct Aligned {
    bytes: Vec<u8>,
    used: Range<usize>,
}

impl Aligned {
    /// So many zeroes.
    pub(crate) fn new(length: usize) -> Self {
        let bytes = vec![0; length + ALIGNMENT];
        let start = bytes.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Self { bytes, used: start..start + length }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(self.used.clone()).unwrap_or_default()
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.used.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_aligned_and_as_long_as_was_asked() {
        for length in [1, 4096, 4 << 20] {
            let mut buffer = Aligned::new(length);
            assert_eq!(buffer.bytes_mut().len(), length);
            assert_eq!(buffer.bytes().as_ptr().addr() % ALIGNMENT, 0);
        }
    }
}
