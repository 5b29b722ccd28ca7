//! Decoders are total: whatever bytes come, also such as have every checksum right, they answer.

use proptest::collection::vec;
use proptest::prelude::*;

use super::make;
use crate::checkpoint::{Checkpoint, CheckpointHead, decode_first_part};
use crate::keyring::{KEY_BLOCK_BYTES, KeyBlock};
use crate::layout::Fixed;
use crate::log::{LogHeader, MAX_LOG_PAYLOAD};
use crate::segment::{Entry, SegmentHeader, SegmentTrailer};
use crate::superblock::Superblock;
use crate::{catalog, event, manifest, stream};
use model::PoolId;

const POOL: PoolId = PoolId([7; 16]);

/// `bytes` with the magic in front and the right checksum in the last 32.
fn signed(mut bytes: Vec<u8>, magic: &[u8; 8]) -> Vec<u8> {
    magic.save(&mut bytes);
    let covered = bytes.len() - 32;
    let checksum = *blake3::hash(&bytes[..covered]).as_bytes();
    checksum.save(&mut bytes[covered..]);
    bytes
}

/// A log record with these payload bytes and everything else right.
fn log_record(header: LogHeader, kind: u8, payload: &[u8]) -> Vec<u8> {
    let payload_bytes = payload.len() as u32;
    let magic = *b"HFLOGREC";
    let header = LogHeader { magic, version: 1, kind, payload_bytes, pool_id: POOL, ..header };
    let mut bytes = vec![0; LogHeader::SIZE];
    header.save(&mut bytes);
    let covered = [&bytes[..144], payload].concat();
    blake3::hash(&covered).as_bytes().save(&mut bytes[144..]);
    let checksum = blake3::hash(&bytes[..176]);
    <[u8; 16]>::load(checksum.as_bytes()).save(&mut bytes[176..]);
    bytes.extend_from_slice(payload);
    bytes
}

/// Numbers that are often small, so that counts and lengths are often possible.
fn small_words(words: usize) -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![3 => 0_u32..6, 1 => 0_u32..200, 1 => any::<u32>()];
    vec(word, 0..words).prop_map(|words| words.iter().flat_map(|w| w.to_le_bytes()).collect())
}

fn contents() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![make::bytes(2000), small_words(500)]
}

proptest! {
    #[test]
    fn plain_bytes(bytes in contents(), number: u8, refs in 0_usize..70_000) {
        let _ = Superblock::decode(&bytes, number);
        let _ = SegmentHeader::decode(&bytes, POOL);
        let _ = SegmentTrailer::decode(&bytes, POOL);
        let _ = LogHeader::decode(&bytes, POOL, 0);
        let _ = decode_first_part(&bytes, POOL);
        let _ = KeyBlock::decode(&bytes);
        let _ = event::decode_event(&bytes);
        let _ = catalog::CatalogRows::decode(&bytes);
        let _ = manifest::decode_leaf(&bytes, refs);
        let _ = manifest::decode_node(&bytes, refs);
        let _ = stream::decode_stream_leaf(&bytes, refs);
    }

    #[test]
    fn superblocks_with_a_right_checksum(bytes in vec(any::<u8>(), 512), kept in 8_usize..480) {
        let mut bytes = bytes;
        let valid = Superblock::load(&[1; 512]).encode(2);
        bytes[8..kept].copy_from_slice(&valid[8..kept]);
        let _ = Superblock::decode(&signed(bytes, b"HOLDFAST"), 2);
    }

    #[test]
    fn trailers_with_a_right_checksum(
        bytes in vec(any::<u8>(), 384), records in 0_u32..70_000, footer in contents(),
    ) {
        let trailer = SegmentTrailer { version: 1, pool_id: POOL, ..SegmentTrailer::load(&bytes) };
        for trailer in [trailer, SegmentTrailer { records, groups: records / 2, ..trailer }] {
            let mut bytes = vec![0; SegmentTrailer::SIZE];
            trailer.save(&mut bytes);
            let decoded = SegmentTrailer::decode(&signed(bytes, b"HFTRAILR"), POOL)?;
            prop_assert!(decoded.entries(&footer).is_err());
        }
    }

    #[test]
    fn trailers_whose_entries_are_anything(footer in contents(), bytes in vec(any::<u8>(), 384)) {
        let records = footer.len() / Entry::SIZE;
        let (entries, rest) = footer.split_at(records * Entry::SIZE);
        let trailer = SegmentTrailer {
            records: records as u32,
            groups: (rest.len() / 32) as u32,
            entries_hash: *blake3::hash(entries).as_bytes(),
            groups_hash: *blake3::hash(&rest[..rest.len() / 32 * 32]).as_bytes(),
            ..SegmentTrailer::load(&bytes)
        };
        prop_assert_eq!(trailer.entries(&footer)?.len(), records);
    }

    #[test]
    fn log_payloads_with_right_hashes(
        header in make::fixed::<LogHeader>(), kind in 0_u8..4, payload in contents(),
    ) {
        let bytes = log_record(header, kind, &payload);
        let decoded = LogHeader::decode(&bytes, POOL, header.position)?;
        if let Ok(Some(commit)) = decoded.commit(&bytes) {
            prop_assert_eq!(commit.payload_bytes(), payload.len());
        }
        prop_assert!(decoded.commit(&bytes[..bytes.len() - 1]).is_err() || payload.is_empty());
    }

    #[test]
    fn checkpoints_with_any_counts(
        head in make::fixed::<CheckpointHead>(), counts in small_words(16), body in contents(),
    ) {
        let mut bytes = vec![0; CheckpointHead::SIZE];
        head.save(&mut bytes);
        let end = (64 + counts.len()).min(CheckpointHead::SIZE);
        bytes[64..end].copy_from_slice(&counts[..end - 64]);
        let head = CheckpointHead { magic: *b"HFCHKPNT", version: 1, pool_id: POOL,
            ..CheckpointHead::load(&bytes) };
        head.save(&mut bytes);
        bytes.extend_from_slice(&body);
        let _ = decode_first_part(&bytes, POOL);
        if let Ok(checkpoint) = Checkpoint::decode_body(&head, &body) {
            prop_assert_eq!(checkpoint.encode_body(), body);
        }
    }

    #[test]
    fn leaves_and_nodes_of_small_numbers(bytes in small_words(40), refs in 0_usize..6) {
        if let Ok(leaf) = manifest::decode_leaf(&bytes, refs) {
            prop_assert_eq!(manifest::encode_leaf(&leaf).len(), bytes.len());
        }
        if let Ok((level, children)) = manifest::decode_node(&bytes, refs) {
            prop_assert!((1..=manifest::MAX_LEVEL).contains(&level));
            prop_assert_eq!(children.iter().flatten().count(), refs);
        }
        if let Ok(lengths) = stream::decode_stream_leaf(&bytes, refs) {
            prop_assert_eq!(stream::encode_stream_leaf(&lengths).len(), bytes.len());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn key_blocks_with_a_right_checksum(seed: [u8; 32], counts: [u8; 3]) {
        let mut bytes = vec![0; KEY_BLOCK_BYTES];
        blake3::Hasher::new_keyed(&seed).finalize_xof().fill(&mut bytes);
        bytes[8..10].copy_from_slice(&[1, 0]);
        for (count, to) in counts.iter().zip(bytes[10..16].chunks_exact_mut(2)) {
            to.copy_from_slice(&[*count, 0]);
        }
        let _ = KeyBlock::decode(&signed(bytes, b"HFKEYBLK"));
    }
}

#[test]
fn a_log_record_that_says_it_is_longer_than_allowed_is_refused() {
    let mut header = LogHeader::load(&[0; LogHeader::SIZE]);
    header.position = 4096;
    let mut bytes = log_record(header, 1, &[]);
    (MAX_LOG_PAYLOAD as u32 + 1).save(&mut bytes[64..]);
    let checksum = blake3::hash(&bytes[..176]);
    <[u8; 16]>::load(checksum.as_bytes()).save(&mut bytes[176..]);
    assert!(LogHeader::decode(&bytes, POOL, 4096).is_err());
}
