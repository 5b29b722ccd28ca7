//! Authentic records whose envelopes lie: what a defect of a writer, or somebody with the data
//! key, could leave behind. Lengths must be checked before memory is taken, and the decompressors
//! must stay inside theirs.

use disk::sim::SimRng;
use seal::{Backend, Codec, Compressor, HEADER_BYTES, Opener, PLAIN_MAX, SealError};
use seal::{SegmentCipher, SegmentKey, ZSTD_LEVEL, seal};

use crate::make::content;
use crate::mutate::{in_place, mutate, number};
use crate::target::Reader;

const AAD: &[u8] = b"associated";
const RECORD: u64 = 7;

/// Longest plaintext: enough for several blocks of zstd and far offsets of LZ4.
const MOST_BYTES: u64 = 5000;

/// Input: an envelope, before it is sealed.
pub(crate) struct Envelopes {
    cipher: SegmentCipher,
    compressor: Compressor,
    opener: Opener,
}

impl Envelopes {
    pub(crate) fn new() -> Self {
        let key = SegmentKey::new([1; 32]);
        Self {
            cipher: SegmentCipher::new(&key, Backend::default()).expect("the key fits"),
            compressor: Compressor::new(ZSTD_LEVEL).expect("there is memory"),
            opener: Opener::new().expect("there is memory"),
        }
    }

    fn sealed(&self, envelope: &[u8]) -> Option<Vec<u8>> {
        let mut sealed = envelope.to_vec();
        seal(&self.cipher, RECORD, AAD, &mut sealed).ok()?;
        Some(sealed)
    }

    fn open(&mut self, mut sealed: Vec<u8>) -> Result<Vec<u8>, SealError> {
        let mut out = vec![0xee; 9];
        let opened = self.opener.open(&self.cipher, RECORD, AAD, &mut sealed, &mut out);
        assert!(opened.is_ok() || out.is_empty(), "nothing is given out after an error");
        let bytes = opened?;
        assert!(bytes == out.len() && bytes <= PLAIN_MAX);
        Ok(out)
    }
}

impl Reader for Envelopes {
    fn input(&mut self, rng: &mut SimRng) -> Vec<u8> {
        let length = rng.below(MOST_BYTES) as usize;
        let plain = content(rng, length);
        let codec = [Codec::Raw, Codec::Lz4, Codec::Zstd][rng.below(3) as usize];
        let mut envelope = Vec::new();
        self.compressor.compress(codec, &plain, &mut envelope).expect("it is short");
        let opened = self.sealed(&envelope).and_then(|sealed| self.open(sealed).ok());
        assert!(opened.is_some_and(|opened| opened == plain), "what was sealed opens");
        // Lengths that lie take long: their memory is wiped. So most inputs are honest there.
        match rng.below(64) {
            0..16 => mutate(rng, &mut envelope),
            16 => in_place(rng, &mut envelope[..HEADER_BYTES]),
            18.. => in_place(rng, &mut envelope[HEADER_BYTES..]),
            17 => {
                let lie = number(rng, length as u64, length as u64).to_le_bytes();
                envelope[1..HEADER_BYTES].copy_from_slice(&lie[..HEADER_BYTES - 1]);
            }
        }
        envelope
    }

    fn read(&mut self, input: &[u8]) {
        let Some(sealed) = self.sealed(input) else { return };
        let opened = self.open(sealed.clone());
        let mut again = sealed.clone();
        let Ok(decrypted) = self.opener.decrypt(&self.cipher, RECORD, AAD, &mut again) else {
            assert!(opened.is_err(), "both ways give the same");
            return;
        };
        let mut into = vec![0xee; decrypted.plain_bytes().min(MOST_BYTES as usize)];
        let unpacked = self.opener.unpack(&decrypted, &mut into);
        if let Ok(plain) = opened {
            assert_eq!((unpacked, &into), (Ok(()), &plain), "both ways give the same");
        }
    }
}
