//! Intact structures that are not for this reader, place or pool are told apart from damage.

use crate::FormatError;
use crate::catalog::{CatalogRows, KeptEvent, MAX_KEPT_BYTES};
use crate::checkpoint::{Checkpoint, CheckpointPlace, decode_first_part, encode_first_part};
use crate::event::{PointRow, decode_event};
use crate::layout::Fixed;
use crate::log::{LogHeader, encode_log_record};
use crate::segment::{SegmentHeader, SegmentInfo};
use crate::superblock::{FORMAT_VERSION, Superblock};
use model::{Epoch, PoolId, Sequence};

use super::examples;

fn newer(error: &FormatError) -> bool {
    matches!(error, FormatError::Newer { found: 2, supported: 1, .. })
}

#[test]
fn superblocks_of_another_place_version_or_feature() {
    let superblock = examples::superblock();
    let decode = |superblock: Superblock| Superblock::decode(&superblock.encode(1), 1).unwrap_err();
    let misplaced = Superblock::decode(&superblock.encode(1), 0).unwrap_err();
    assert!(matches!(misplaced, FormatError::Misplaced { .. }));
    assert!(newer(&decode(Superblock { version: FORMAT_VERSION + 1, ..superblock })));
    let unknown = decode(Superblock { incompat: 1 << 40, ..superblock });
    assert!(matches!(unknown, FormatError::UnknownFeatures { bits, .. } if bits == 1 << 40));
    assert!(Superblock::decode(&[0; 4096], 0).is_err());
    let ro_compat = Superblock { ro_compat: 1, ..superblock };
    assert!(Superblock::decode(&ro_compat.encode(1), 1).is_ok(), "reading is allowed");
}

#[test]
fn superblocks_with_impossible_fields() {
    let superblock = examples::superblock();
    let impossible = [
        Superblock { member_count: 0, ..superblock },
        Superblock { member_count: 5, ..superblock },
        Superblock { member: 2, ..superblock },
        Superblock { segment_bytes: 4096, ..superblock },
        Superblock { log_bytes: u64::MAX - 4095, ..superblock },
        Superblock { disk_bytes: 1 << 20, ..superblock },
    ];
    for superblock in impossible {
        let error = Superblock::decode(&superblock.encode(0), 0).unwrap_err();
        assert!(matches!(error, FormatError::Invalid { .. }), "{superblock:?}: {error}");
    }
}

#[test]
fn log_records_of_another_position_or_pool() {
    let place = examples::log_place();
    let record = encode_log_record(&place, None);
    let lap = place.position + (1 << 20);
    for (pool, position) in [(place.pool_id, lap), (PoolId([0; 16]), place.position)] {
        let error = LogHeader::decode(&record.bytes, pool, position).unwrap_err();
        assert!(matches!(error, FormatError::Misplaced { .. }));
    }
}

#[test]
fn segments_and_checkpoints_of_another_pool() {
    let info = SegmentInfo::load(&[3; SegmentInfo::SIZE]);
    let block = SegmentHeader::encode(PoolId([1; 16]), &info);
    let error = SegmentHeader::decode(&block, PoolId([2; 16])).unwrap_err();
    assert!(matches!(error, FormatError::Misplaced { .. }));

    let place = CheckpointPlace {
        pool_id: PoolId([1; 16]),
        generation: 1,
        epoch: Epoch(1),
        replay_sequence: Sequence(1),
    };
    let head = Checkpoint::default().head(&place, 0, 0);
    let bytes = encode_first_part(&head, &[], &[]);
    let error = decode_first_part(&bytes, PoolId([2; 16])).unwrap_err();
    assert!(matches!(error, FormatError::Misplaced { .. }));
    let later =
        encode_first_part(&crate::checkpoint::CheckpointHead { version: 2, ..head }, &[], &[]);
    assert!(newer(&decode_first_part(&later, PoolId([1; 16])).unwrap_err()));
}

#[test]
fn events_that_must_be_known_stop_a_reader_and_others_do_not() {
    for kind in [0, 2, 11, 127] {
        assert!(decode_event(&[kind, 1, 2, 3]).is_err());
    }
    for kind in [128, 255] {
        assert_eq!(decode_event(&[kind]), Ok(None));
    }
    assert!(decode_event(&[]).is_err());
    assert!(decode_event(&[1; 161]).is_err(), "a point with a byte too many");
}

#[test]
fn catalogs_of_what_must_be_known_or_is_too_much() {
    let mut rows = CatalogRows::default();
    rows.keep(Sequence(3), &[130, 9]).unwrap();
    let kept = rows.encode();
    assert_eq!(CatalogRows::decode(&kept), Ok(rows.clone()));
    for (at, byte) in [(0, 2), (0, 131), (4, 3), (4, 0), (16, 131)] {
        let mut wrong = kept.clone();
        wrong[at] = byte;
        assert!(CatalogRows::decode(&wrong).is_err(), "{byte} at {at}");
    }
    let point = vec![1; PointRow::SIZE];
    assert!(CatalogRows::decode(&[point.clone(), kept.clone()].concat()).is_ok());
    assert!(CatalogRows::decode(&[kept.clone(), point].concat()).is_err(), "out of order");
    assert!(rows.keep(Sequence(4), &[]).is_err());

    let room = MAX_KEPT_BYTES - kept.len() - KeptEvent::SIZE;
    assert!(rows.keep(Sequence(4), &vec![130; room + 1]).is_err());
    rows.keep(Sequence(4), &vec![130; room]).unwrap();
    let full = rows.encode();
    assert!(rows.keep(Sequence(5), &[130]).is_err());
    assert_eq!(rows.encode(), full, "a refused event leaves something");
    assert_eq!(CatalogRows::decode(&full), Ok(rows));
    assert!(CatalogRows::decode(&[full, kept].concat()).is_err());
}
