//! The envelope: what is encrypted. Codec and length stand inside, so that outside a sealed payload
//! shows its size and nothing else.
//!
//! Four bytes of header (codec u8, plain length u24 little-endian), then the compressed bytes.

use crate::SealError;

/// Bytes before the compressed ones.
pub const HEADER_BYTES: usize = 4;

/// Longest plaintext of a record, in bytes: what 24 bits count, far above the largest chunk. A
/// reader allocates no more than this for anything that it opens.
pub const PLAIN_MAX: usize = (1 << 24) - 1;

/// How a payload is compressed. The numbers stand on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Codec {
    Raw = 0,
    /// LZ4 block format.
    Lz4 = 1,
    /// One Zstandard frame.
    Zstd = 2,
}

impl Codec {
    /// How what is in an envelope is compressed, if it says that.
    pub fn of(envelope: &[u8]) -> Option<Self> {
        envelope.first().and_then(|number| Self::from_number(*number))
    }

    fn from_number(number: u8) -> Option<Self> {
        [Self::Raw, Self::Lz4, Self::Zstd].into_iter().find(|codec| *codec as u8 == number)
    }
}

/// The header of an envelope. Only the low 24 bits of `plain_bytes` are kept: callers have checked.
pub(crate) fn header(codec: Codec, plain_bytes: usize) -> [u8; HEADER_BYTES] {
    let [low, middle, high, _] = (plain_bytes as u32).to_le_bytes();
    [codec as u8, low, middle, high]
}

/// Splits an envelope into codec, plain length in bytes (at most [`PLAIN_MAX`]) and payload.
pub(crate) fn split(envelope: &[u8]) -> Result<(Codec, usize, &[u8]), SealError> {
    let (header, payload) =
        envelope.split_first_chunk::<HEADER_BYTES>().ok_or(SealError::Damaged)?;
    let [number, low, middle, high] = *header;
    let codec = Codec::from_number(number).ok_or(SealError::UnknownCodec { number })?;
    Ok((codec, u32::from_le_bytes([low, middle, high, 0]) as usize, payload))
}
