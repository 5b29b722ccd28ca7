//! The boundary rule: a keyed checksum of one 4 KiB block says whether a chunk may end behind it.
//!
//! The checksum is NH, the inner hash of UMAC (RFC 4418, section 5.2): key words are added to
//! message words, and the sums multiplied in pairs. One block takes a few hundred multiplications
//! that a compiler turns into vector code, it is faster than memory, and unlike a CRC it has a key
//! as long as the block: for two different blocks, sums collide with a chance of 2^-32 over keys,
//! whatever the blocks are. So nobody without the key can make a disk's content cut badly, or
//! tell the content from the cuts. Two keyed multiplications then spread the sum over all 64 bits,
//! because the test looks at its size.
//!
//! The key decides where chunks end, not what they are called: a wrong one costs space, never data.

use std::fmt;

use model::BLOCK;

/// Words of 32 bits in a block, and in the key.
const WORDS: usize = BLOCK / 4;
/// Words that one step of the checksum takes: four are paired with the next four, as in UMAC.
const STEP: usize = 8;
const CONTEXT: &str = "holdfast 2026-11 chunk boundary key";

/// Where chunks of a tenant end. Derived once per tenant, 4 KiB.
pub struct BoundaryKey {
    words: Box<[u32]>,
    mixers: [u64; 2],
}

impl BoundaryKey {
    /// Expands the tenant's secret seed. The same seed gives the same boundaries for ever.
    pub fn new(seed: &[u8; 32]) -> Self {
        let mut stream = blake3::Hasher::new_derive_key(CONTEXT).update(seed).finalize_xof();
        let mut bytes = [0; BLOCK];
        stream.fill(&mut bytes);
        let words = bytes.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
        let mixers = [0; 2].map(|_: u8| {
            let mut word = [0; 8];
            stream.fill(&mut word);
            u64::from_le_bytes(word) | 1
        });
        Self { words, mixers }
    }

    /// The checksum of one block: 64 bits, evenly spread for blocks that differ in any bit.
    pub(crate) fn checksum(&self, block: &[u8; BLOCK]) -> u64 {
        let [first, second] = self.mixers;
        let mut mixed = self.sum(block);
        mixed = (mixed ^ mixed >> 32).wrapping_mul(first);
        mixed = (mixed ^ mixed >> 29).wrapping_mul(second);
        mixed ^ mixed >> 32
    }

    fn sum(&self, block: &[u8; BLOCK]) -> u64 {
        debug_assert_eq!(self.words.len(), WORDS);
        let mut sums = [0_u64; STEP / 2];
        let (keys, _) = self.words.as_chunks::<STEP>();
        let (steps, _) = block.as_chunks::<{ 4 * STEP }>();
        for (step, key) in steps.iter().zip(keys) {
            let (words, _) = step.as_chunks::<4>();
            for (lane, sum) in sums.iter_mut().enumerate() {
                let low = u32::from_le_bytes(words[lane]).wrapping_add(key[lane]);
                let high = u32::from_le_bytes(words[lane + 4]).wrapping_add(key[lane + 4]);
                *sum = sum.wrapping_add(u64::from(low) * u64::from(high));
            }
        }
        sums.into_iter().fold(0, u64::wrapping_add)
    }
}

impl fmt::Debug for BoundaryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoundaryKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> BoundaryKey {
        BoundaryKey::new(&[seed; 32])
    }

    /// NH as RFC 4418 writes it, word by word.
    fn plain_sum(key: &BoundaryKey, block: &[u8; BLOCK]) -> u64 {
        let word = |at: usize| {
            let bytes = [block[4 * at], block[4 * at + 1], block[4 * at + 2], block[4 * at + 3]];
            u64::from(u32::from_le_bytes(bytes).wrapping_add(key.words[at]))
        };
        let mut sum = 0_u64;
        for first in (0..WORDS).step_by(8) {
            for lane in first..first + 4 {
                sum = sum.wrapping_add(word(lane).wrapping_mul(word(lane + 4)));
            }
        }
        sum
    }

    #[test]
    fn the_sum_is_nh() {
        let mut block = [0; BLOCK];
        blake3::Hasher::new().update(b"block").finalize_xof().fill(&mut block);
        for seed in 0..8 {
            assert_eq!(key(seed).sum(&block), plain_sum(&key(seed), &block));
            assert_eq!(key(seed).sum(&[0xff; BLOCK]), plain_sum(&key(seed), &[0xff; BLOCK]));
        }
    }

    #[test]
    fn one_flipped_bit_changes_half_of_the_checksum() {
        let key = key(7);
        let zero = key.checksum(&[0; BLOCK]);
        let flips = (0..BLOCK).map(|at| {
            let mut block = [0; BLOCK];
            block[at] = 1 << (at % 8);
            (key.checksum(&block) ^ zero).count_ones()
        });
        let mean = f64::from(flips.sum::<u32>()) / BLOCK as f64;
        assert!((31.0..33.0).contains(&mean), "{mean} bits change");
    }

    #[test]
    fn boundaries_of_shipped_stores_stay_where_they_are() {
        let mut block = [0; BLOCK];
        for (at, byte) in block.iter_mut().enumerate() {
            *byte = at as u8;
        }
        assert_eq!(key(1).checksum(&block), VECTOR);
    }

    const VECTOR: u64 = 12_471_651_743_540_342_615;
}
