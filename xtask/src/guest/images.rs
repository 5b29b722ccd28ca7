//! Images that the guest takes in, from a seed: half the same in all, half of its own, with noise
//! that fills segments, text that compresses, and holes.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Bytes of an image: a few segments of the small disks that the guest has.
const BYTES: usize = 6 << 20;

/// Bytes of one kind of content.
const PART: usize = 256 << 10;

/// Writes so many images, `image0` and on, into `folder`.
pub(super) fn write(count: u64, seed: u64, folder: &Path) -> Result<Vec<PathBuf>> {
    let write = |number: u64| {
        let path = folder.join(format!("image{number}"));
        std::fs::write(&path, image(seed, number)).map_err(Error::io(&path))?;
        Ok(path)
    };
    (0..count).map(write).collect()
}

fn image(seed: u64, number: u64) -> Vec<u8> {
    let mut shared = Random(seed);
    let mut own = Random(seed ^ (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut bytes = Vec::with_capacity(BYTES);
    for part in 0..BYTES / PART {
        // Both go on, so that what is shared does not depend on what is not.
        let (one, other) = (shared.next(), own.next());
        let (kind, random) = if part % 2 == 0 { (one, &mut shared) } else { (other, &mut own) };
        match kind % 8 {
            0 => bytes.resize(bytes.len() + PART, 0),
            1 => {
                let line = format!("{:016x} a line of a log that compresses well\n", random.next());
                bytes.extend(line.bytes().cycle().take(PART));
            }
            _ => (0..PART / 8).for_each(|_| bytes.extend(random.next().to_le_bytes())),
        }
    }
    bytes
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_a_seed_share_half() {
        let (one, other) = (image(1, 0), image(1, 1));
        assert_eq!(one.len(), BYTES);
        assert_eq!(one, image(1, 0));
        let parts = one.chunks(PART).zip(other.chunks(PART));
        let same: Vec<bool> = parts.map(|(one, other)| one == other).collect();
        assert!(same.iter().step_by(2).all(|same| *same), "{same:?}");
        assert!(same.iter().skip(1).step_by(2).filter(|same| !**same).count() > 8, "{same:?}");
        assert_ne!(image(2, 0), one);
    }
}
