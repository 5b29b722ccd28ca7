//! One flipped bit anywhere in what a checksum covers is noticed.

use crate::layout::Fixed;
use crate::log::{Commit, LogHeader, LogPlace, encode_log_record};
use crate::segment::{Entry, Footer, SegmentHeader, SegmentInfo, SegmentTrailer, record_checksum};
use crate::superblock::Superblock;
use model::{BLOCK, PoolId, Sequence};

use super::examples;

const POOL: PoolId = PoolId([9; 16]);

/// Flips every bit of the first `covered` bytes in turn.
fn each_flip(bytes: &[u8], covered: usize, mut noticed: impl FnMut(&[u8]) -> bool) {
    let mut flipped = bytes.to_vec();
    for bit in 0..covered * 8 {
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(noticed(&flipped), "bit {} of byte {}", bit % 8, bit / 8);
        flipped[bit / 8] ^= 1 << (bit % 8);
    }
    assert!(!noticed(bytes), "unharmed bytes are accepted");
}

fn info() -> SegmentInfo {
    SegmentInfo::load(&[3; SegmentInfo::SIZE])
}

#[test]
fn in_a_superblock() {
    let block = examples::superblock().encode(2);
    each_flip(&block, Superblock::SIZE, |bytes| Superblock::decode(bytes, 2).is_err());
}

#[test]
fn in_a_segment_header() {
    let block = SegmentHeader::encode(POOL, &info());
    each_flip(&block, SegmentHeader::SIZE, |bytes| SegmentHeader::decode(bytes, POOL).is_err());
}

#[test]
fn in_a_footer() {
    let entries = [Entry::load(&[5; Entry::SIZE]); 3];
    let footer = Footer::build(POOL, &info(), 1 << 20, 50_000, &entries, &[[6; 32]; 2]);
    let last = footer.bytes.len() - BLOCK;
    each_flip(&footer.bytes[last..], SegmentTrailer::SIZE, |bytes| {
        SegmentTrailer::decode(bytes, POOL).is_err()
    });
    each_flip(&footer.bytes, 3 * Entry::SIZE + 2 * 32, |bytes| {
        footer.trailer.entries(bytes).is_err()
    });
}

#[test]
fn in_a_log_record() {
    let place = LogPlace { pool_id: POOL, position: 8192, ..examples::log_place() };
    let commit = Commit { events: vec![vec![1; 40]], ..Commit::default() };
    let record = encode_log_record(&place, Some(&commit));
    let covered = LogHeader::SIZE + commit.payload_bytes();
    each_flip(&record.bytes, covered, |bytes| {
        let header = LogHeader::decode(bytes, POOL, 8192);
        header.and_then(|header| header.commit(bytes)).is_err()
    });
}

#[test]
fn in_the_payload_of_a_log_record_whose_header_stays_believable() {
    let place = LogPlace { pool_id: POOL, position: 0, ..examples::log_place() };
    let commit = Commit { events: vec![vec![1; 40]], ..Commit::default() };
    let mut record = encode_log_record(&place, Some(&commit)).bytes;
    record[LogHeader::SIZE + 20] ^= 1;
    let header = LogHeader::decode(&record, POOL, 0).unwrap();
    assert_eq!(header.durable_up_to, Sequence(place.durable_up_to.0));
    assert!(header.commit(&record).is_err());
}

#[test]
fn in_a_record() {
    let stored = [8; 300];
    let checksum = record_checksum(&stored);
    each_flip(&stored, stored.len(), |bytes| record_checksum(bytes) != checksum);
}
