//! Disk images from a seed, with what real ones have: runs of zeroes, text that compresses, noise
//! that does not, and content that is there twice, moved by whole blocks or by an odd number of
//! bytes.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use super::BLOCK;

/// SplitMix64: the same numbers from the same seed, for ever.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        for piece in bytes.chunks_mut(8) {
            piece.copy_from_slice(&self.next().to_le_bytes()[..piece.len()]);
        }
    }
}

const WORDS: [&str; 12] = [
    "the ", "segment ", "of ", "a ", "store ", "is ", "written ", "once\n", "and ", "42 ",
    "sealed ", "later.\n",
];

/// Longest run of one kind of content, in blocks.
const RUN_BLOCKS: usize = 256;

/// An image of exactly `length` bytes.
pub(crate) fn image(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random(seed);
    let mut bytes = Vec::with_capacity(length + RUN_BLOCKS * BLOCK);
    while bytes.len() < length {
        let run = (1 + random.below(RUN_BLOCKS)) * BLOCK;
        let start = bytes.len();
        match random.below(8) {
            0 | 1 => bytes.resize(start + run, 0),
            2 | 3 => {
                while bytes.len() < start + run {
                    bytes.extend_from_slice(WORDS[random.below(WORDS.len())].as_bytes());
                }
            }
            4 | 5 => {
                bytes.resize(start + run, 0);
                random.fill(&mut bytes[start..]);
            }
            6 => bytes.extend_from_within(earlier(&mut random, start, run, BLOCK)),
            _ => bytes.extend_from_within(earlier(&mut random, start, run, 1)),
        }
        // Most things on a disk begin at a block, some do not.
        if random.below(8) > 0 {
            bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        }
    }
    bytes.truncate(length);
    bytes
}

/// A range of at most `run` bytes that were written before, from a multiple of `step`.
fn earlier(random: &mut Random, end: usize, run: usize, step: usize) -> std::ops::Range<usize> {
    let from = random.below(end / step + 1) * step;
    from..end.min(from + run)
}

/// Overwrites `share` in a thousand of the blocks with noise, as a database does.
pub(crate) fn scatter(bytes: &mut [u8], seed: u64, share: usize) {
    let mut random = Random(seed);
    for block in bytes.chunks_mut(BLOCK) {
        if random.below(1000) < share {
            random.fill(block);
        }
    }
}

/// Blocks that differ between two images of one size.
pub(crate) fn changed_blocks(before: &[u8], after: &[u8]) -> usize {
    let pairs = before.chunks(BLOCK).zip(after.chunks(BLOCK));
    pairs.filter(|(before, after)| before != after).count()
}

/// Writes a new file whose blocks of zeroes are holes.
pub(crate) fn write_sparse(path: &Path, bytes: &[u8]) {
    let file = File::create_new(path).expect("a new file");
    file.set_len(bytes.len() as u64).expect("room for the file");
    for (number, block) in bytes.chunks(BLOCK).enumerate() {
        if block.iter().any(|byte| *byte != 0) {
            file.write_all_at(block, (number * BLOCK) as u64).expect("room for the file");
        }
    }
}

/// Bytes that a file takes on its file system.
pub(crate) fn allocated(path: &Path) -> u64 {
    path.metadata().map_or(0, |metadata| metadata.blocks() * 512)
}
