//! Damage to the disks of a pool.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::{BLOCK, Random};

/// Bytes of which one bit is flipped.
const STRIDE: usize = 8 * BLOCK;

/// Flips one bit in about every 32 KiB of a range of the disk, where it holds something. Returns
/// how many.
pub(crate) fn flip_between(disk: &Path, range: Range<usize>, seed: u64) -> usize {
    let bytes = std::fs::read(disk).expect("the disk");
    let file = File::options().write(true).open(disk).expect("the disk");
    let mut random = Random(seed);
    let mut flips = 0;
    for start in range.step_by(STRIDE) {
        let at = start + random.below(STRIDE);
        if bytes[at] != 0 {
            let flipped = bytes[at] ^ (1 << random.below(8));
            file.write_all_at(&[flipped], at as u64).expect("the disk");
            flips += 1;
        }
    }
    flips
}
