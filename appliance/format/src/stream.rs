//! The manifest of a stream: the same tree as a volume's, with leaves that list chunks of any
//! length. A leaf ends where the digest of a chunk says so, so that a change in front of it leaves
//! it as it is.

use model::Digest;

use crate::FormatError;
use crate::bytes::{Taker, put};
use crate::layout::{Fixed, layout};

/// Longest chunk of a stream, in bytes.
pub const STREAM_CHUNK_MAX: u32 = 256 << 10;

/// Most chunks of a stream's leaf.
pub const STREAM_LEAF_MAX: u32 = 4096;

/// Fewest, but for the last leaf: shorter ones would cost more than they save.
pub const STREAM_LEAF_MIN: u32 = 64;

/// One chunk in so many ends a leaf that is long enough.
const STREAM_LEAF_USUAL: u16 = 512;

const LEAF: &str = "stream leaf";

layout! {
    /// Start of the payload of a stream's leaf; the bytes of each chunk follow as u32, in order.
    pub struct StreamLeafHeader = "StreamLeafHeader", 8 bytes {
        chunks: u32,
        reserved: u32,
    }
}

/// Whether a leaf that has so many chunks ends behind the last of them.
pub fn ends_stream_leaf(chunks: usize, last: &Digest) -> bool {
    let number = u16::from_le_bytes([last.0[0], last.0[1]]);
    let chunks = u32::try_from(chunks).unwrap_or(u32::MAX);
    chunks >= STREAM_LEAF_MAX
        || chunks >= STREAM_LEAF_MIN && number.is_multiple_of(STREAM_LEAF_USUAL)
}

/// Encodes a leaf of chunks with these bytes.
pub fn encode_stream_leaf(lengths: &[u32]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(StreamLeafHeader::SIZE + 4 * lengths.len());
    put(&mut payload, &StreamLeafHeader { chunks: lengths.len() as u32, reserved: 0 });
    lengths.iter().for_each(|length| payload.extend_from_slice(&length.to_le_bytes()));
    payload
}

/// Decodes a leaf that has `refs` references: the bytes of each chunk, each at least 1 and at most
/// [`STREAM_CHUNK_MAX`].
pub fn decode_stream_leaf(payload: &[u8], refs: usize) -> Result<Vec<u32>, FormatError> {
    let mut taker = Taker::new(payload, LEAF);
    let header: StreamLeafHeader = taker.value()?;
    if header.chunks as usize != refs || header.chunks > STREAM_LEAF_MAX {
        return Err(taker.invalid("chunk count"));
    }
    let bytes = taker.bytes(4 * refs)?;
    let (lengths, _) = bytes.as_chunks::<4>();
    let lengths: Vec<u32> = lengths.iter().map(|length| u32::from_le_bytes(*length)).collect();
    if !lengths.iter().all(|length| (1..=STREAM_CHUNK_MAX).contains(length)) {
        return Err(taker.invalid("chunk length"));
    }
    if taker.is_empty() { Ok(lengths) } else { Err(taker.invalid("length")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_survives_the_way_there_and_back() {
        let lengths = vec![1, 70_000, STREAM_CHUNK_MAX];
        let payload = encode_stream_leaf(&lengths);
        assert_eq!(decode_stream_leaf(&payload, 3), Ok(lengths));
        assert!(decode_stream_leaf(&payload, 2).is_err(), "a reference too few");
        assert!(decode_stream_leaf(&[&payload[..], &[0]].concat(), 3).is_err(), "a byte more");
        assert!(decode_stream_leaf(&payload[..payload.len() - 1], 3).is_err(), "one fewer");
        assert!(decode_stream_leaf(&encode_stream_leaf(&[0]), 1).is_err(), "an empty chunk");
        let long = encode_stream_leaf(&[STREAM_CHUNK_MAX + 1]);
        assert!(decode_stream_leaf(&long, 1).is_err(), "no chunk is that long");
    }

    #[test]
    fn leaves_end_where_a_digest_says_so_but_are_neither_tiny_nor_endless() {
        let (ends, goes_on) = (Digest([0; 32]), Digest([1; 32]));
        assert!(!ends_stream_leaf(63, &ends) && ends_stream_leaf(64, &ends));
        assert!(!ends_stream_leaf(4095, &goes_on) && ends_stream_leaf(4096, &goes_on));
    }
}
