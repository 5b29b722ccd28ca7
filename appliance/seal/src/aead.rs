//! AES-256-GCM by two libraries that give the same bytes: `aes-gcm` is the reference and the
//! fall-back, `aws-lc-rs` is up to four times as fast.
//!
//! A nonce must never repeat under a key. Both decrypt in place and check the tag first or wipe:
//! after a failed opening, the buffer holds nothing to rely on.

use std::fmt;

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::SealError;
use crate::secret::Secret;

/// Bytes of an authentication tag.
pub const TAG_BYTES: usize = 16;

/// Longest message, in bytes: below the limits of both libraries, above every record.
const MESSAGE_MAX: usize = 1 << 30;

/// Encrypts and authenticates in place.
pub trait Aead {
    /// Encrypts `in_out` and returns the tag over it and `aad`.
    fn seal(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        in_out: &mut [u8],
    ) -> Result<[u8; TAG_BYTES], SealError>;

    /// Decrypts `in_out`. [`SealError::Damaged`] if any bit of nonce, `aad`, `in_out` or `tag`
    /// is not as it was sealed; `in_out` is then undefined.
    fn open(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        in_out: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), SealError>;
}

/// The RustCrypto implementation.
pub struct AesGcm(Aes256Gcm);

impl AesGcm {
    pub fn new(key: &Secret) -> Self {
        Self(Aes256Gcm::new(key.bytes().into()))
    }
}

impl Aead for AesGcm {
    fn seal(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        in_out: &mut [u8],
    ) -> Result<[u8; TAG_BYTES], SealError> {
        let bytes = in_out.len();
        check_length(bytes)?;
        let tag = self.0.encrypt_inout_detached(nonce.into(), aad, in_out.into());
        tag.map(Into::into).map_err(|_| SealError::TooLong { bytes, max: MESSAGE_MAX })
    }

    fn open(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        in_out: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), SealError> {
        check_length(in_out.len())?;
        self.0
            .decrypt_inout_detached(nonce.into(), aad, in_out.into(), tag.into())
            .map_err(|_| SealError::Damaged)
    }
}

impl fmt::Debug for AesGcm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AesGcm(..)")
    }
}

/// The AWS-LC implementation.
pub struct AwsLc(LessSafeKey);

impl AwsLc {
    pub fn new(key: &Secret) -> Result<Self, SealError> {
        let key = UnboundKey::new(&AES_256_GCM, key.bytes()).map_err(|_| SealError::NoMemory)?;
        Ok(Self(LessSafeKey::new(key)))
    }
}

impl Aead for AwsLc {
    fn seal(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        in_out: &mut [u8],
    ) -> Result<[u8; TAG_BYTES], SealError> {
        let bytes = in_out.len();
        check_length(bytes)?;
        let too_long = SealError::TooLong { bytes, max: MESSAGE_MAX };
        let nonce = Nonce::from(nonce);
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(aad), in_out);
        tag.ok().and_then(|tag| tag.as_ref().try_into().ok()).ok_or(too_long)
    }

    fn open(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        in_out: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), SealError> {
        check_length(in_out.len())?;
        self.0
            .open_in_place_separate_tag(Nonce::from(nonce), Aad::from(aad), tag, in_out)
            .map(|_| ())
            .map_err(|_| SealError::Damaged)
    }
}

impl fmt::Debug for AwsLc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AwsLc(..)")
    }
}

fn check_length(bytes: usize) -> Result<(), SealError> {
    if bytes > MESSAGE_MAX {
        return Err(SealError::TooLong { bytes, max: MESSAGE_MAX });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn both_libraries_give_the_same_bytes_and_open_each_other(
            key: [u8; 32],
            nonce: [u8; 12],
            aad in prop::collection::vec(any::<u8>(), 0..200),
            plain in prop::collection::vec(any::<u8>(), 0..3000),
        ) {
            let (rust, aws) = (AesGcm::new(&Secret::new(key)), AwsLc::new(&Secret::new(key))?);
            let (mut by_rust, mut by_aws) = (plain.clone(), plain.clone());
            let tag = rust.seal(&nonce, &aad, &mut by_rust)?;
            prop_assert_eq!(aws.seal(&nonce, &aad, &mut by_aws)?, tag);
            prop_assert_eq!(&by_rust, &by_aws);
            aws.open(&nonce, &aad, &mut by_rust, &tag)?;
            rust.open(&nonce, &aad, &mut by_aws, &tag)?;
            prop_assert_eq!(&by_rust, &plain);
            prop_assert_eq!(&by_aws, &plain);
        }
    }

    /// Test case 16 of McGrew and Viega, The Galois/Counter Mode of Operation (2005).
    #[test]
    fn the_cipher_is_aes_256_gcm() {
        let hex = |text: &str| -> Vec<u8> {
            let digits: Vec<u8> =
                text.chars().map(|digit| digit.to_digit(16).unwrap() as u8).collect();
            digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
        };
        let key = hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
        let key = Secret::new(key.try_into().unwrap());
        let nonce: [u8; 12] = hex("cafebabefacedbaddecaf888").try_into().unwrap();
        let aad = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        let plain = hex(concat!(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72",
            "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
        ));
        let sealed = hex(concat!(
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa",
            "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
        ));
        let backends: [&dyn Aead; 2] = [&AesGcm::new(&key), &AwsLc::new(&key).unwrap()];
        for backend in backends {
            let mut text = plain.clone();
            let tag = backend.seal(&nonce, &aad, &mut text).unwrap();
            assert_eq!(text, sealed);
            assert_eq!(tag.to_vec(), hex("76fc6ece0f4e1768cddf8853bb2d551b"));
        }
    }
}
