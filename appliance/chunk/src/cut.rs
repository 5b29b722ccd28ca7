//! Chunks of a disk image: cut by content, but only between 4 KiB blocks.
//!
//! Files lie at different offsets on different systems but nearly always on block borders, so this
//! finds almost all that byte-wise chunking finds, at one cheap hash per block, and a random
//! 4 KiB read still touches one chunk. Whether a chunk may end behind a block depends on that block
//! alone: after a change, cuts fall back into step at the next boundary behind a minimal chunk.
//!
//! The zero test comes first and stops at the first byte that is not zero, so it costs nothing for
//! data. Each other block gets a tag, because parents are compared by them.

use std::iter::FusedIterator;

use model::{BLOCK, BlockTag};

use crate::tag::TagKey;

/// No chunk is cut by its content before it has this many blocks. Shorter ones stand only before
/// a hole or the end of a range. Half the average, so that lengths vary little: of long chunks more
/// is opened than a random read asked for.
pub const MIN_BLOCKS: u32 = 6;
/// What random data comes to.
pub const AVERAGE_BLOCKS: u32 = 12;
/// No chunk has more blocks than this: 256 KiB bound the memory and the latency of one read.
pub const MAX_BLOCKS: u32 = 64;
/// The longest range that can be cut, in bytes: what one manifest leaf maps.
pub const RANGE_MAX: usize = 16 << 20;

/// One block in 7 ends a chunk that is long enough: 6 blocks and then 6 more on average.
const BOUNDARY_BELOW: u32 = u32::MAX / (AVERAGE_BLOCKS - MIN_BLOCKS + 1);

/// A piece of a range, in blocks, never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Zero blocks, as many as stand in a row.
    Hole { blocks: u32 },
    /// A chunk: at most [`MAX_BLOCKS`] blocks, of which none is all zero.
    Data { blocks: u32 },
}

impl Cut {
    /// How many blocks the piece covers.
    pub fn blocks(self) -> u32 {
        match self {
            Self::Hole { blocks } | Self::Data { blocks } => blocks,
        }
    }

    /// How many bytes the piece covers.
    pub fn bytes(self) -> usize {
        self.blocks() as usize * BLOCK
    }
}

/// Cuts one manifest leaf range, independently of what surrounds it. The pieces cover it without
/// gaps, in order.
///
/// # Panics
/// If the range is not whole blocks or longer than [`RANGE_MAX`]: the caller's mistake.
pub fn cut<'a>(range: &'a [u8], key: &'a TagKey) -> Cuts<'a> {
    let (blocks, rest) = range.as_chunks();
    assert!(rest.is_empty() && range.len() <= RANGE_MAX, "a range is whole blocks up to 16 MiB");
    Cuts { rest: blocks, key, tags: Vec::with_capacity(blocks.len()) }
}

/// The pieces of a range, in order. See [`cut`].
#[derive(Debug, Clone)]
pub struct Cuts<'a> {
    rest: &'a [[u8; BLOCK]],
    key: &'a TagKey,
    tags: Vec<BlockTag>,
}

impl Iterator for Cuts<'_> {
    type Item = Cut;

    fn next(&mut self) -> Option<Cut> {
        let holes = self.rest.iter().take_while(|block| is_zero(block)).count();
        let blocks = if holes > 0 { holes } else { self.chunk_blocks() };
        self.tags.resize(self.tags.len() + holes, BlockTag::default());
        self.rest = self.rest.split_at_checked(blocks)?.1;
        match (blocks, holes) {
            (0, _) => None,
            (_, 0) => Some(Cut::Data { blocks: blocks as u32 }),
            _ => Some(Cut::Hole { blocks: blocks as u32 }),
        }
    }
}

impl FusedIterator for Cuts<'_> {}

impl Cuts<'_> {
    /// The tag of each block of the pieces so far; that of a block in a hole says nothing.
    pub fn into_tags(self) -> Vec<BlockTag> {
        self.tags
    }

    /// Tags the chunk at the start of the rest, whose first block is not zero, and tells how many
    /// blocks it has.
    fn chunk_blocks(&mut self) -> usize {
        let longest = &self.rest[..self.rest.len().min(MAX_BLOCKS as usize)];
        for (at, block) in longest.iter().enumerate() {
            if at > 0 && is_zero(block) {
                return at;
            }
            let tagged = self.key.tag(block);
            self.tags.push(tagged.tag);
            let blocks = at + 1;
            if blocks >= MIN_BLOCKS as usize && tagged.rest < BOUNDARY_BELOW {
                return blocks;
            }
        }
        longest.len()
    }
}

/// Whether all bytes of a block are zero. Stops at the first 256 bytes that are not.
fn is_zero(block: &[u8; BLOCK]) -> bool {
    let (parts, _) = block.as_chunks::<256>();
    parts.iter().all(|part| part.iter().fold(0, |bits, byte| bits | byte) == 0)
}

#[cfg(test)]
mod tests;
