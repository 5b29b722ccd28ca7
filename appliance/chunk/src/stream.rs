//! Chunks of a stream: cut by content at any byte.
//!
//! A dump or an archive has no blocks: a row that is added in front moves all that follows by a
//! few bytes. So a rolling hash over the last 64 bytes says where a chunk may end. This is FastCDC
//! (Xia and others, USENIX ATC 2016): a gear hash, no cut before the shortest length, and a
//! boundary that is harder to meet before the usual length than behind it, so that lengths vary
//! little.
//!
//! The table of the gear comes from the tenant's seed. It is no cipher: who could choose streams
//! and see lengths of chunks could learn about it. Names are what keeps contents from being told.

use std::fmt;

const GEAR_CONTEXT: &str = "holdfast 2026-11 stream gear";

/// No chunk of a stream has fewer bytes, but the last.
pub const STREAM_MIN: usize = 16 << 10;
/// What most chunks of a stream are near to, in bytes. Twice that of a volume: nobody reads here
/// and there in a stream.
pub const STREAM_USUAL: usize = 64 << 10;
/// No chunk of a stream has more bytes.
pub const STREAM_MAX: usize = 256 << 10;

/// Bits that must be 0 for a cut before the usual length: two more than it has, and two fewer
/// behind it (normalization level 2 of the paper).
const HARD: u64 = mask(18);
const EASY: u64 = mask(14);

/// The highest bits: the lowest have seen only the last few bytes.
const fn mask(bits: u32) -> u64 {
    !(u64::MAX >> bits)
}

/// What places the boundaries of a tenant's streams.
#[derive(Clone)]
pub struct StreamKey(Box<[u64; 256]>);

impl StreamKey {
    /// Expands the tenant's secret seed. The same seed gives the same boundaries for ever.
    pub fn new(seed: &[u8; 32]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(GEAR_CONTEXT);
        let mut bytes = hasher.update(seed).finalize_xof();
        let mut gear = Box::new([0; 256]);
        for value in gear.iter_mut() {
            let mut eight = [0; 8];
            bytes.fill(&mut eight);
            *value = u64::from_le_bytes(eight);
        }
        Self(gear)
    }

    /// How many bytes the chunk at the start of `bytes` has; `None` when that cannot be told before
    /// more of the stream is known. `ends` says that there is no more.
    pub fn cut(&self, bytes: &[u8], ends: bool) -> Option<usize> {
        let longest = bytes.len().min(STREAM_MAX);
        if longest <= STREAM_MIN {
            return (ends && longest > 0).then_some(longest);
        }
        let usual = longest.min(STREAM_USUAL);
        let mut hash = 0;
        let early = self.find(&mut hash, bytes.get(STREAM_MIN..usual)?, HARD);
        let late = || self.find(&mut hash, bytes.get(usual..longest)?, EASY).map(|at| usual + at);
        let found = early.map(|at| STREAM_MIN + at).or_else(late);
        found.or((ends || longest == STREAM_MAX).then_some(longest))
    }

    /// Behind which of these bytes the hash meets the mask, counted from 1.
    fn find(&self, hash: &mut u64, bytes: &[u8], mask: u64) -> Option<usize> {
        for (byte, count) in bytes.iter().zip(1..) {
            *hash = (*hash << 1).wrapping_add(self.0[usize::from(*byte)]);
            if *hash & mask == 0 {
                return Some(count);
            }
        }
        None
    }
}

impl fmt::Debug for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn random(seed: u64, bytes: usize) -> Vec<u8> {
        let mut buffer = vec![0; bytes];
        blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut buffer);
        buffer
    }

    /// The chunks of a stream that comes in pieces of this many bytes.
    fn chunks(stream: &[u8], piece: usize) -> Vec<Vec<u8>> {
        let key = StreamKey::new(&[5; 32]);
        let (mut known, mut chunks, mut pieces) = (Vec::new(), Vec::new(), stream.chunks(piece));
        loop {
            let next = pieces.next();
            known.extend_from_slice(next.unwrap_or_default());
            while let Some(length) = key.cut(&known, next.is_none()) {
                chunks.push(known.drain(..length).collect());
            }
            if next.is_none() {
                assert!(known.is_empty());
                return chunks;
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn chunks_are_the_stream_however_it_comes(
            seed: u64, bytes in 0..2_000_000_usize, piece in 1_000..700_000_usize,
        ) {
            let stream = random(seed, bytes);
            let cut = chunks(&stream, piece);
            prop_assert_eq!(&cut, &chunks(&stream, usize::MAX));
            prop_assert_eq!(cut.concat(), stream);
            for chunk in cut.iter().rev().skip(1) {
                prop_assert!((STREAM_MIN..=STREAM_MAX).contains(&chunk.len()));
            }
        }
    }

    #[test]
    fn bytes_that_come_in_between_change_the_chunks_around_them_only() {
        let stream = random(1, 8 << 20);
        let before: HashSet<Vec<u8>> = chunks(&stream, usize::MAX).into_iter().collect();
        let middle = stream.len() / 2;
        let longer = [&stream[..middle], b"a row more", &stream[middle..]].concat();
        let after = chunks(&longer, usize::MAX);
        let new = after.iter().filter(|chunk| !before.contains(*chunk)).count();
        assert!(new <= 3, "{new} of {}", after.len());
        let average = stream.len() / after.len();
        assert!((48 << 10..96 << 10).contains(&average), "{average}");
    }

    #[test]
    fn what_never_meets_a_boundary_is_cut_at_the_greatest_length() {
        let zeroes = vec![0; 3 * STREAM_MAX + 7];
        let lengths: Vec<usize> = chunks(&zeroes, usize::MAX).iter().map(Vec::len).collect();
        assert_eq!(lengths, [STREAM_MAX, STREAM_MAX, STREAM_MAX, 7]);
    }
}
