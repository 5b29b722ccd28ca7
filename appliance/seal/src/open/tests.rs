use proptest::prelude::*;

use super::*;
use crate::compress::{Compressor, ZSTD_LEVEL};
use crate::envelope::{PLAIN_MAX, header};
use crate::secret::SegmentKey;
use crate::segment::{Backend, SegmentCipher, seal};

const CODECS: [Codec; 3] = [Codec::Raw, Codec::Lz4, Codec::Zstd];
const AAD: &[u8] = b"associated";

fn ciphers(key: [u8; 32]) -> [SegmentCipher; 2] {
    let key = SegmentKey::new(key);
    [Backend::AesGcm, Backend::AwsLc].map(|backend| SegmentCipher::new(&key, backend).unwrap())
}

fn sealed(codec: Codec, plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Compressor::new(ZSTD_LEVEL).unwrap().compress(codec, plain, &mut out).unwrap();
    seal(&ciphers([1; 32])[0], 7, AAD, &mut out).unwrap();
    out
}

/// Opens an envelope that somebody with the key sealed.
fn open_envelope(mut envelope: Vec<u8>) -> Result<Vec<u8>, SealError> {
    let [cipher, _] = ciphers([1; 32]);
    seal(&cipher, 7, AAD, &mut envelope).unwrap();
    let mut out = vec![0xEE; 100];
    let opened = Opener::new()?.open(&cipher, 7, AAD, &mut envelope, &mut out);
    assert!(opened.is_ok() || out.is_empty());
    opened.map(|_| out)
}

/// Content between all the same and all random.
fn plaintext() -> impl Strategy<Value = Vec<u8>> {
    let random = prop::collection::vec(any::<u8>(), 0..3000);
    (random, 1_u8..=255, 1_usize..12).prop_map(|(bytes, most, times)| {
        let few: Vec<u8> = bytes.iter().map(|byte| byte % most).collect();
        few.repeat(times)
    })
}

proptest! {
    #[test]
    fn what_was_sealed_opens_with_either_library(
        key: [u8; 32], record: u64, plain in plaintext(), by in 0_usize..2,
    ) {
        let ciphers = ciphers(key);
        let mut compressor = Compressor::new(ZSTD_LEVEL)?;
        let mut opener = Opener::new()?;
        for codec in CODECS {
            let mut bytes = Vec::new();
            compressor.compress(codec, &plain, &mut bytes)?;
            seal(&ciphers[by], record, AAD, &mut bytes)?;
            prop_assert!(bytes.len() <= plain.len() + 20);
            let mut out = vec![9; 10];
            let length = opener.open(&ciphers[1 - by], record, AAD, &mut bytes.clone(), &mut out)?;
            prop_assert_eq!(length, plain.len());
            prop_assert_eq!(&out, &plain);
            let decrypted = opener.decrypt(&ciphers[by], record, AAD, &mut bytes)?;
            prop_assert_eq!(decrypted.plain_bytes(), plain.len());
            let mut room = vec![9; plain.len()];
            opener.unpack(&decrypted, &mut room)?;
            prop_assert_eq!(&room, &plain);
            let envelope = decrypted.envelope().to_vec();
            let by = opener.unfold(&envelope, &mut out)?;
            prop_assert!(Codec::of(&envelope) == Some(by) && [codec, Codec::Raw].contains(&by));
            prop_assert_eq!(&out, &plain);
        }
    }

    #[test]
    fn any_envelope_is_answered(
        codec in 0_u8..4,
        length in 0_usize..5000,
        payload in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let [_, low, middle, high] = header(Codec::Raw, length);
        let envelope = [&[codec, low, middle, high][..], &payload].concat();
        if let Ok(plain) = open_envelope(envelope) {
            prop_assert_eq!(plain.len(), length);
        }
    }

    #[test]
    fn any_bytes_are_answered(mut bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let mut out = Vec::new();
        let refused = Opener::new()?.open(&ciphers([1; 32])[0], 0, AAD, &mut bytes, &mut out);
        prop_assert_eq!(refused, Err(SealError::Damaged));
    }
}

#[test]
fn every_flipped_bit_is_refused_by_both_libraries() {
    let mut opener = Opener::new().unwrap();
    let mut out = Vec::new();
    for codec in CODECS {
        let bytes = sealed(codec, &b"one two three four five six seven ".repeat(4));
        for at in 0..bytes.len() * 8 {
            for cipher in &ciphers([1; 32]) {
                let mut flipped = bytes.clone();
                flipped[at / 8] ^= 1 << (at % 8);
                let opened = opener.open(cipher, 7, AAD, &mut flipped, &mut out);
                assert_eq!(opened, Err(SealError::Damaged), "{codec:?}, bit {at}");
                assert!(out.is_empty());
            }
        }
    }
}

#[test]
fn another_record_number_or_context_or_key_is_refused() {
    let mut opener = Opener::new().unwrap();
    let mut out = Vec::new();
    let bytes = sealed(Codec::Lz4, b"text");
    let [right, _] = ciphers([1; 32]);
    let [wrong, _] = ciphers([2; 32]);
    let tries: [(&SegmentCipher, u64, &[u8]); 3] =
        [(&right, 8, AAD), (&right, 7, b"associateD"), (&wrong, 7, AAD)];
    for (cipher, record, aad) in tries {
        let opened = opener.open(cipher, record, aad, &mut bytes.clone(), &mut out);
        assert_eq!(opened, Err(SealError::Damaged));
    }
    assert_eq!(opener.open(&right, 7, AAD, &mut bytes.clone(), &mut out), Ok(4));
}

#[test]
fn a_length_that_is_not_that_of_the_content_is_refused() {
    let plain = b"abc".repeat(1000);
    for codec in CODECS {
        let mut envelope = Vec::new();
        Compressor::new(ZSTD_LEVEL).unwrap().compress(codec, &plain, &mut envelope).unwrap();
        for length in [0, 1, 2999, 3001, PLAIN_MAX] {
            let mut lying = envelope.clone();
            lying[..4].copy_from_slice(&header(codec, length));
            assert_eq!(open_envelope(lying), Err(SealError::Damaged), "{codec:?} {length}");
        }
        assert_eq!(open_envelope(envelope), Ok(plain.clone()));
    }
}

#[test]
fn an_unknown_codec_and_a_cut_header_are_told_apart() {
    let unknown = SealError::UnknownCodec { number: 3 };
    assert_eq!(open_envelope(vec![3, 1, 0, 0, 0]), Err(unknown));
    assert_eq!(open_envelope(vec![0, 0, 0]), Err(SealError::Damaged));
    assert_eq!(open_envelope(Vec::new()), Err(SealError::Damaged));
}

#[test]
fn room_of_another_length_is_refused() {
    let mut opener = Opener::new().unwrap();
    let [cipher, _] = ciphers([1; 32]);
    for codec in CODECS {
        let mut bytes = sealed(codec, &[5; 100]);
        let decrypted = opener.decrypt(&cipher, 7, AAD, &mut bytes).unwrap();
        for length in [0, 99, 101] {
            let refused = opener.unpack(&decrypted, &mut vec![0; length]);
            assert_eq!(refused, Err(SealError::Damaged), "{codec:?} {length}");
        }
    }
}

#[test]
fn what_was_decrypted_can_be_sealed_again() {
    let mut opener = Opener::new().unwrap();
    let [first, _] = ciphers([1; 32]);
    let [_, second] = ciphers([2; 32]);
    for codec in CODECS {
        let mut bytes = sealed(codec, &[5; 100]);
        let mut moved = opener.decrypt(&first, 7, AAD, &mut bytes).unwrap().envelope().to_vec();
        seal(&second, 3, b"other", &mut moved).unwrap();
        let mut out = Vec::new();
        assert_eq!(opener.open(&second, 3, b"other", &mut moved, &mut out), Ok(100));
        assert_eq!(out, [5; 100]);
    }
}
