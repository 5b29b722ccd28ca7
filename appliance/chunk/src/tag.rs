//! Tags of blocks: a keyed hash of 4 KiB says whether a chunk may end behind a block, and whether a
//! parent recovery point has the same block in the same place.
//!
//! The hash is POLYVAL (RFC 8452, section 3), the universal hash of AES-GCM-SIV: the 256 words of
//! 16 bytes of a block are the coefficients of a polynomial over GF(2^128) that is evaluated at a
//! secret point. Two different blocks, whatever they are, have equal tags for at most 256 of 2^96
//! points: the bound on which the seal of every record rests, less the 32 bits that are left out.
//! So equal tags may stand for equal blocks, as long as nobody who chooses content knows the key
//! or sees tags; they are stored only inside sealed leaves. It runs at the speed of memory.
//!
//! The rest of the value decides about the boundary. Nobody without the key can make a disk's
//! content cut badly, or tell the content from the cuts.

use std::fmt;

use model::{BLOCK, BlockTag};
use polyval::Polyval;
use polyval::universal_hash::UniversalHash;

const CONTEXT: &str = "holdfast 2026-11 block tag key";

/// The secret point of a tenant. Derived once per tenant.
#[derive(Clone)]
pub struct TagKey(Polyval);

/// What is known of a block without looking at it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tagged {
    pub(crate) tag: BlockTag,
    /// Evenly spread and independent of the tag.
    pub(crate) rest: u32,
}

impl TagKey {
    /// Expands the tenant's secret seed. The same seed gives the same tags for ever.
    pub fn new(seed: &[u8; 32]) -> Self {
        let derived = blake3::derive_key(CONTEXT, seed);
        let mut point = [0; polyval::KEY_SIZE];
        point.iter_mut().zip(derived).for_each(|(to, from)| *to = from);
        Self(Polyval::new(&point.into()))
    }

    pub(crate) fn tag(&self, block: &[u8; BLOCK]) -> Tagged {
        let mut hash = self.0.clone();
        hash.update_padded(block);
        let value: [u8; 16] = hash.finalize().into();
        let [tag @ .., a, b, c, d] = value;
        Tagged { tag: BlockTag(tag), rest: u32::from_le_bytes([a, b, c, d]) }
    }
}

impl fmt::Debug for TagKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TagKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> TagKey {
        TagKey::new(&[seed; 32])
    }

    #[test]
    fn every_single_bit_changes_the_tag() {
        let key = key(7);
        let mut seen = std::collections::HashSet::from([key.tag(&[0; BLOCK]).tag]);
        for bit in 0..8 * BLOCK {
            let mut block = [0; BLOCK];
            block[bit / 8] = 1 << (bit % 8);
            assert!(seen.insert(key.tag(&block).tag), "bit {bit}");
        }
    }

    #[test]
    fn blocks_that_swap_places_and_other_keys_give_other_tags() {
        let mut block = [0; BLOCK];
        blake3::Hasher::new().update(b"block").finalize_xof().fill(&mut block);
        let mut swapped = block;
        swapped.rotate_left(16);
        assert_ne!(key(1).tag(&block), key(1).tag(&swapped));
        assert_ne!(key(1).tag(&block), key(2).tag(&block));
    }

    #[test]
    fn what_shipped_stores_hold_stays_what_it_is() {
        let mut block = [0; BLOCK];
        for (at, byte) in block.iter_mut().enumerate() {
            *byte = at as u8;
        }
        let Tagged { tag, rest } = key(1).tag(&block);
        assert_eq!((tag, rest), (VECTOR, REST));
    }

    /// As FORMAT.md has it.
    const VECTOR: BlockTag =
        BlockTag([0x51, 0x82, 0xf2, 0x6b, 0xa9, 0x20, 0xca, 0x0d, 0xca, 0x1f, 0x57, 0xb0]);
    const REST: u32 = 3_158_015_096;
}
