//! Tags of blocks: a keyed hash of 4 KiB says whether a chunk may end behind a block, and whether a
//! parent recovery point has the same block in the same place.
//!
//! The hash is POLYVAL (RFC 8452, section 3), the universal hash of AES-GCM-SIV: the 256 words of
//! 16 bytes of a block are the coefficients of a polynomial over GF(2^128) that is evaluated at a
//! secret point. Two different blocks, whatever they are, have equal values for at most 256 of
//! 2^128 points. As in AES-GCM-SIV the value is then encrypted: what is seen of the result, be it
//! where chunks end, tells nothing but which blocks are equal. Without that, boundaries of chosen
//! blocks would be linear equations for the point. Cut to 96 bits, results of different blocks are
//! equal with a chance of 2^-96, so equal tags may stand for equal blocks. It runs at the speed of
//! memory.
//!
//! The rest of the result decides about the boundary. Nobody without the keys can make a disk's
//! content cut badly.

use std::fmt;

use aes::Aes256Enc;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use model::{BLOCK, BlockTag};
use polyval::Polyval;
use polyval::universal_hash::UniversalHash;

const POINT_CONTEXT: &str = "holdfast 2026-11 block tag point";
const CIPHER_CONTEXT: &str = "holdfast 2026-11 block tag cipher";

/// The secret point of a tenant, and the cipher for the values. Derived once per tenant.
#[derive(Clone)]
pub struct TagKey {
    hash: Polyval,
    cipher: Aes256Enc,
}

/// What is known of a block without looking at it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tagged {
    pub(crate) tag: BlockTag,
    /// Evenly spread, whatever the tag is.
    pub(crate) rest: u32,
}

impl TagKey {
    /// Expands the tenant's secret seed. The same seed gives the same tags for ever.
    pub fn new(seed: &[u8; 32]) -> Self {
        let mut point = [0; polyval::KEY_SIZE];
        let derived = blake3::derive_key(POINT_CONTEXT, seed);
        point.iter_mut().zip(derived).for_each(|(to, from)| *to = from);
        let cipher = Aes256Enc::new(&blake3::derive_key(CIPHER_CONTEXT, seed).into());
        Self { hash: Polyval::new(&point.into()), cipher }
    }

    /// The tag of a block, as [`cut`](crate::cut) gives it.
    pub fn block_tag(&self, block: &[u8; BLOCK]) -> BlockTag {
        self.tag(block).tag
    }

    pub(crate) fn tag(&self, block: &[u8; BLOCK]) -> Tagged {
        let mut hash = self.hash.clone();
        hash.update_padded(block);
        let mut value: [u8; 16] = hash.finalize().into();
        self.cipher.encrypt_block((&mut value).into());
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
    fn tags_are_not_linear() {
        let key = key(3);
        let block = |bits: u8| {
            let mut block = [0; BLOCK];
            block[BLOCK - 1] = bits;
            key.tag(&block).tag.0
        };
        let xor =
            |a: [u8; 12], b: [u8; 12]| -> [u8; 12] { std::array::from_fn(|at| a[at] ^ b[at]) };
        assert_ne!(xor(block(1), block(2)), xor(block(4), block(7)), "1 + 2 = 4 + 7");
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
        BlockTag([0xaf, 0xaf, 0xbb, 0x87, 0x7b, 0xb0, 0x40, 0xb4, 0x9d, 0x3f, 0xc8, 0xf4]);
    const REST: u32 = 618_645_631;
}
