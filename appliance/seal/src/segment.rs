//! The cipher of one segment: key, commitment, nonce, and which library does the work.
//!
//! A segment's key is derived from the data key and a random 256-bit salt, so a record's number
//! can be its nonce: a (key, nonce) pair repeats only if a salt does, even when a disk was rolled
//! back. AES-GCM does not commit to its key (one sealed record can open under two keys, to
//! different plaintexts), so the segment header holds a commitment that is compared before
//! anything is opened.

use crate::SealError;
use crate::aead::{Aead, AesGcm, AwsLc, TAG_BYTES};
use crate::envelope::{HEADER_BYTES, PLAIN_MAX};
use crate::secret::{DataKey, Secret, SegmentKey};

const KEY_CONTEXT: &str = "holdfast 2026-11 segment key";
const COMMITMENT_CONTEXT: &str = "holdfast 2026-11 segment key commitment";

impl SegmentKey {
    /// The key of the segment that has this salt, and the commitment for its header.
    pub fn derive(data_key: &DataKey, salt: &[u8; 32]) -> (Self, [u8; 16]) {
        let parts: [&[u8]; 2] = [data_key.secret().bytes(), salt];
        let commitment = Secret::derive(COMMITMENT_CONTEXT, &parts);
        let (first, _) = commitment.bytes().as_chunks::<16>();
        let commitment = first.first().copied().unwrap_or_default();
        (Self(Secret::derive(KEY_CONTEXT, &parts)), commitment)
    }

    /// The key of a segment whose header was read. [`SealError::WrongKey`] if it was written
    /// under another data key than this.
    pub fn derive_committed(
        data_key: &DataKey,
        salt: &[u8; 32],
        commitment: &[u8; 16],
    ) -> Result<Self, SealError> {
        let (key, expected) = Self::derive(data_key, salt);
        if expected == *commitment { Ok(key) } else { Err(SealError::WrongKey) }
    }
}

/// Which library encrypts. Both write and read the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    AesGcm,
    AwsLc,
}

impl Default for Backend {
    /// The faster one where the processor has AES instructions; the portable one elsewhere.
    fn default() -> Self {
        if processor_has_aes() { Self::AwsLc } else { Self::AesGcm }
    }
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
fn processor_has_aes() -> bool {
    std::arch::is_x86_feature_detected!("aes") && std::arch::is_x86_feature_detected!("pclmulqdq")
}

#[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
fn processor_has_aes() -> bool {
    false
}

/// Seals and opens the records of one segment.
#[derive(Debug)]
pub struct SegmentCipher(Dispatch);

#[derive(Debug)]
enum Dispatch {
    AesGcm(Box<AesGcm>),
    AwsLc(Box<AwsLc>),
}

impl SegmentCipher {
    /// Expands the key. Costs under a microsecond; keep it while a segment is in use.
    pub fn new(key: &SegmentKey, backend: Backend) -> Result<Self, SealError> {
        Ok(Self(match backend {
            Backend::AesGcm => Dispatch::AesGcm(Box::new(AesGcm::new(key.secret()))),
            Backend::AwsLc => Dispatch::AwsLc(Box::new(AwsLc::new(key.secret())?)),
        }))
    }
}

impl Aead for SegmentCipher {
    fn seal(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        in_out: &mut [u8],
    ) -> Result<[u8; TAG_BYTES], SealError> {
        match &self.0 {
            Dispatch::AesGcm(backend) => backend.seal(nonce, aad, in_out),
            Dispatch::AwsLc(backend) => backend.seal(nonce, aad, in_out),
        }
    }

    fn open(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        in_out: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), SealError> {
        match &self.0 {
            Dispatch::AesGcm(backend) => backend.open(nonce, aad, in_out, tag),
            Dispatch::AwsLc(backend) => backend.open(nonce, aad, in_out, tag),
        }
    }
}

/// The nonce of a record: its number in the segment, little-endian, then four zero bytes.
pub fn nonce(record: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    for (to, from) in nonce.iter_mut().zip(record.to_le_bytes()) {
        *to = from;
    }
    nonce
}

/// Encrypts an envelope in place and appends the tag: the sealed payload of a record.
///
/// The record number must not have been used in this segment before, and may not be used again
/// even if this fails.
pub fn seal(
    cipher: &impl Aead,
    record: u64,
    aad: &[u8],
    envelope: &mut Vec<u8>,
) -> Result<(), SealError> {
    let (bytes, max) = (envelope.len(), HEADER_BYTES + PLAIN_MAX);
    if bytes > max {
        return Err(SealError::TooLong { bytes, max });
    }
    let tag = cipher.seal(&nonce(record), aad, envelope)?;
    envelope.extend_from_slice(&tag);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_not_committed_to_is_refused() {
        let (right, wrong) = (DataKey::new([1; 32]), DataKey::new([2; 32]));
        let salt = [3; 32];
        let (key, commitment) = SegmentKey::derive(&right, &salt);
        let again = SegmentKey::derive_committed(&right, &salt, &commitment).unwrap();
        assert_eq!(key.secret().bytes(), again.secret().bytes());
        for (data_key, salt) in [(&wrong, [3; 32]), (&right, [4; 32])] {
            let refused = SegmentKey::derive_committed(data_key, &salt, &commitment);
            assert_eq!(refused.unwrap_err(), SealError::WrongKey);
        }
    }

    #[test]
    fn keys_of_shipped_stores_stay_the_same() {
        let (key, commitment) = SegmentKey::derive(&DataKey::new([1; 32]), &[2; 32]);
        let material = [[1; 32], [2; 32]].concat();
        assert_eq!(key.secret().bytes(), &blake3::derive_key(KEY_CONTEXT, &material));
        assert_eq!(commitment, blake3::derive_key(COMMITMENT_CONTEXT, &material)[..16]);
    }

    #[test]
    fn a_nonce_is_the_record_number() {
        assert_eq!(nonce(0x0102), [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(nonce(u64::MAX), [255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0]);
    }
}
