//! Opening sealed payloads: decrypt in place, then decompress. The bytes may come from anywhere;
//! nothing is decompressed before its tag was checked, and nothing allocated before its length.

use std::fmt;

use zeroize::Zeroize;

use crate::SealError;
use crate::aead::{Aead, TAG_BYTES};
use crate::envelope::{Codec, split};
use crate::segment::nonce;

/// A record that was decrypted and is still compressed.
#[derive(Debug)]
pub struct Decrypted<'a> {
    envelope: &'a [u8],
    codec: Codec,
    plain_bytes: usize,
    payload: &'a [u8],
}

impl<'a> Decrypted<'a> {
    /// Length of the plaintext, at most [`PLAIN_MAX`](crate::PLAIN_MAX).
    pub fn plain_bytes(&self) -> usize {
        self.plain_bytes
    }

    /// What was sealed, and can be sealed again.
    pub fn envelope(&self) -> &'a [u8] {
        self.envelope
    }
}

/// Opens records, one opener per worker thread.
pub struct Opener {
    zstd: zstd::bulk::Decompressor<'static>,
}

impl Opener {
    pub fn new() -> Result<Self, SealError> {
        let zstd = zstd::bulk::Decompressor::new().map_err(|_| SealError::NoMemory)?;
        Ok(Self { zstd })
    }

    /// Opens the sealed payload of a record into `out`, whose content is replaced. Returns the
    /// plain length in bytes, which is also that of `out`. `sealed` is decrypted in place; on any
    /// error `out` is empty.
    pub fn open(
        &mut self,
        cipher: &impl Aead,
        record: u64,
        aad: &[u8],
        sealed: &mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<usize, SealError> {
        let opened = decrypt(cipher, record, aad, sealed).and_then(split);
        let done = opened.and_then(|(codec, bytes, payload)| {
            // What is there already is overwritten to its last byte, or thrown away below.
            out.resize(bytes, 0);
            self.decompress(codec, payload, out).map(|()| bytes)
        });
        if done.is_err() {
            // Its contents, not its whole capacity: one long record must not slow all others.
            out.as_mut_slice().zeroize();
            out.clear();
        }
        done
    }

    /// Decrypts the sealed payload of a record in place: what can be unpacked when its length is
    /// known, or sealed again as it is.
    pub fn decrypt<'a>(
        &self,
        cipher: &impl Aead,
        record: u64,
        aad: &[u8],
        sealed: &'a mut [u8],
    ) -> Result<Decrypted<'a>, SealError> {
        let envelope = decrypt(cipher, record, aad, sealed)?;
        let (codec, plain_bytes, payload) = split(envelope)?;
        Ok(Decrypted { envelope, codec, plain_bytes, payload })
    }

    /// Decompresses into `out`, which must be as long as the plaintext: [`SealError::Damaged`] if
    /// it is not. What `out` holds after an error is undefined.
    pub fn unpack(&mut self, decrypted: &Decrypted<'_>, out: &mut [u8]) -> Result<(), SealError> {
        self.decompress(decrypted.codec, decrypted.payload, out)
    }

    /// Decompresses an envelope that was in a seal which opened into `out`, whose content is
    /// replaced. Returns how it was compressed. What `out` holds after an error is undefined.
    pub fn unfold(&mut self, envelope: &[u8], out: &mut Vec<u8>) -> Result<Codec, SealError> {
        let (codec, plain_bytes, payload) = split(envelope)?;
        out.resize(plain_bytes, 0);
        self.decompress(codec, payload, out)?;
        Ok(codec)
    }

    /// Checks that a sealed payload is what was sealed, without decompressing it. `sealed` is
    /// decrypted in place.
    pub fn check(
        &self,
        cipher: &impl Aead,
        record: u64,
        aad: &[u8],
        sealed: &mut [u8],
    ) -> Result<(), SealError> {
        decrypt(cipher, record, aad, sealed).map(drop)
    }

    /// Decompresses into `out`, which must come out exactly full.
    fn decompress(
        &mut self,
        codec: Codec,
        payload: &[u8],
        out: &mut [u8],
    ) -> Result<(), SealError> {
        let bytes = match codec {
            Codec::Raw if payload.len() == out.len() => {
                out.copy_from_slice(payload);
                Some(payload.len())
            }
            Codec::Raw => None,
            Codec::Lz4 => lz4_flex::block::decompress_into(payload, out).ok(),
            Codec::Zstd => self.zstd.decompress_to_buffer(payload, out).ok(),
        };
        if bytes == Some(out.len()) { Ok(()) } else { Err(SealError::Damaged) }
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener").finish_non_exhaustive()
    }
}

/// The envelope inside a sealed payload.
fn decrypt<'a>(
    cipher: &impl Aead,
    record: u64,
    aad: &[u8],
    sealed: &'a mut [u8],
) -> Result<&'a [u8], SealError> {
    let (envelope, tag) = sealed.split_last_chunk_mut::<TAG_BYTES>().ok_or(SealError::Damaged)?;
    cipher.open(&nonce(record), aad, envelope, tag)?;
    Ok(envelope)
}

#[cfg(test)]
mod tests;
