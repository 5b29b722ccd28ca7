//! What is encoded decodes to the same.

use proptest::collection::vec;
use proptest::prelude::*;

use super::make;
use crate::catalog::{self, CatalogRows};
use crate::checkpoint::{Checkpoint, PartPlace, decode_first_part, encode_first_part};
use crate::event;
use crate::keyring::KeyBlock;
use crate::layout::{Fixed, Table};
use crate::log::{LOG_CLOSE, LOG_COMMIT, LogHeader, encode_log_record, log_record_bytes};
use crate::manifest::{self, Extent, HOLE, LEAF_BLOCKS, LeafRows};
use crate::segment::{Footer, SegmentHeader, SegmentInfo, SegmentTrailer, footer_bytes};
use crate::superblock::{Superblock, slots_of};
use crate::{checkpoint, keyring, log, segment, stream, superblock};
use model::{BlockTag, Sequence};

/// Any bytes of the structure's size are a value, and that value is those bytes.
fn loads_and_saves<T: Fixed>(bytes: &[u8], table: &Table) {
    assert_eq!(T::SIZE, table.size, "{}", table.name);
    let mut saved = vec![0; T::SIZE];
    T::load(bytes).save(&mut saved);
    assert_eq!(saved, &bytes[..T::SIZE], "{}", table.name);
}

macro_rules! each_loads_and_saves {
    ($bytes:expr, $($structure:path),* $(,)?) => {
        $({
            use $structure as Structure;
            loads_and_saves::<Structure>($bytes, &Structure::TABLE);
        })*
    };
}

proptest! {
    #[test]
    fn every_structure_keeps_its_bytes(bytes in vec(any::<u8>(), 512)) {
        each_loads_and_saves!(
            &bytes,
            superblock::Superblock, superblock::Member, segment::SegmentInfo,
            segment::SegmentHeader, segment::Entry, segment::SegmentTrailer, log::LogHeader,
            log::SectionHeader, log::SegmentPlace, log::GroupHeader, log::SealedSegment,
            log::RetiredSegment, log::ReleasedSegment, log::CopiedSegment, event::PointRow,
            event::MarkRow, event::ClockRow, event::PolicyRow, event::ScrubRow,
            catalog::KeptEvent, checkpoint::CheckpointHead, checkpoint::PartPlace,
            checkpoint::SegmentRow, manifest::LeafHeader, manifest::Extent, manifest::NodeHeader,
            stream::StreamLeafHeader,
            keyring::KeyBlockHeader, keyring::WrappedKey, keyring::KeySlot, keyring::TenantEntry,
            keyring::DataKeyEntry,
        );
    }

    #[test]
    fn superblocks(superblock in make::superblock(), slot in 0_u8..4) {
        let decoded = Superblock::decode(&superblock.encode(slot), slot)?;
        let expected = Superblock { slot, checksum: decoded.checksum, ..superblock };
        prop_assert_eq!(decoded, expected);
        prop_assert_eq!(decoded.member_list().len(), usize::from(superblock.member_count));
    }

    #[test]
    fn segment_headers(pool in make::fixed(), info in make::fixed::<SegmentInfo>()) {
        prop_assert_eq!(SegmentHeader::decode(&SegmentHeader::encode(pool, &info), pool), Ok(info));
    }

    #[test]
    fn footers((pool, info, body_end, entries, groups) in make::footer_parts()) {
        let footer = Footer::build(pool, &info, 1 << 20, body_end, &entries, &groups);
        prop_assert_eq!(footer.bytes.len(), footer_bytes(entries.len(), groups.len()));
        let start = (1 << 20) - footer.bytes.len();
        prop_assert_eq!(footer.trailer.entries_offset as usize, start);
        let last = footer.bytes.len() - model::BLOCK;
        let trailer = SegmentTrailer::decode(&footer.bytes[last..], pool)?;
        prop_assert_eq!(trailer, footer.trailer);
        prop_assert_eq!((trailer.info, trailer.body_end), (info, body_end));
        prop_assert_eq!(trailer.entries(&footer.bytes)?, entries);
        let groups_at = trailer.groups_offset as usize - start;
        prop_assert_eq!(&footer.bytes[groups_at..][..32 * groups.len()], groups.concat());
    }

    #[test]
    fn commits(place in make::log_place(), commit in make::commit()) {
        let record = encode_log_record(&place, Some(&commit));
        prop_assert_eq!(record.bytes.len(), log_record_bytes(commit.payload_bytes()));
        let header = LogHeader::decode(&record.bytes, place.pool_id, place.position)?;
        prop_assert_eq!(header.kind, LOG_COMMIT);
        prop_assert_eq!((header.epoch, header.sequence), (place.epoch, place.sequence));
        prop_assert_eq!(header.durable_up_to, place.durable_up_to);
        prop_assert_eq!((header.previous, header.hash), (place.previous, record.hash));
        prop_assert_eq!(header.record_bytes(), record.bytes.len());
        prop_assert_eq!(header.commit(&record.bytes)?, Some(commit));
    }

    #[test]
    fn close_records(place in make::log_place()) {
        let record = encode_log_record(&place, None);
        let header = LogHeader::decode(&record.bytes, place.pool_id, place.position)?;
        prop_assert_eq!((header.kind, header.payload_bytes), (LOG_CLOSE, 0));
        prop_assert_eq!(header.commit(&record.bytes)?, None);
    }

    #[test]
    fn checkpoints(
        checkpoint in make::checkpoint(),
        place in make::checkpoint_place(),
        parts in vec(make::fixed::<PartPlace>(), 0..5),
        cut: prop::sample::Index,
    ) {
        let body = checkpoint.encode_body();
        let (first, rest) = body.split_at(cut.index(body.len() + 1));
        let head = checkpoint.head(&place, parts.len(), body.len());
        let bytes = encode_first_part(&head, &parts, first);
        let (decoded, listed, start) = decode_first_part(&bytes, place.pool_id)?;
        prop_assert_eq!((decoded, &listed, start), (head, &parts, first));
        prop_assert_eq!(decoded.body_bytes as usize, body.len());
        prop_assert_eq!(decoded.replay_sequence, place.replay_sequence);
        let whole = [start, rest].concat();
        prop_assert_eq!(Checkpoint::decode_body(&decoded, &whole)?, checkpoint);
    }

    #[test]
    fn catalogs(
        events in vec(make::event(), 0..10),
        kept in vec((128_u8.., make::bytes(40), any::<u64>()), 0..5),
    ) {
        let mut rows = CatalogRows::default();
        rows.events.extend(events);
        for (kind, mut event, sequence) in kept {
            event.insert(0, kind);
            rows.keep(Sequence(sequence), &event)?;
        }
        prop_assert_eq!(CatalogRows::decode(&rows.encode())?, rows);
    }

    #[test]
    fn events(event in make::event()) {
        let mut encoded = event.encode();
        prop_assert_eq!(event::decode_event(&encoded), Ok(Some(event)));
        encoded.push(0);
        prop_assert!(event::decode_event(&encoded).is_err());
    }

    #[test]
    fn leaves(parts in vec((1_u16..=200, 0_u16..40, 0_u16..65_000), 0..20), holes: u32) {
        let extents: Vec<Extent> = (0..).zip(parts).map(|(at, (blocks, reference, start))| {
            let reference = if holes >> at & 1 == 1 { HOLE } else { reference };
            Extent { blocks, reference, start, reserved: 0 }
        }).collect();
        prop_assert!(extents.len() * 200 <= LEAF_BLOCKS as usize);
        let data = extents.iter().filter(|extent| extent.reference != HOLE);
        let blocks: u16 = data.map(|extent| extent.blocks).sum();
        let tags = (0..blocks).map(|block| BlockTag([block as u8; 12])).collect();
        let leaf = LeafRows { extents, tags };
        prop_assert_eq!(manifest::decode_leaf(&manifest::encode_leaf(&leaf), 40)?, leaf);
    }

    #[test]
    fn nodes(level in 1_u8..=4, present in vec(any::<bool>(), 0..=512)) {
        let refs = present.iter().filter(|is| **is).count();
        let encoded = manifest::encode_node(level, &present);
        let (decoded, children) = manifest::decode_node(&encoded, refs)?;
        prop_assert_eq!(decoded, level);
        prop_assert_eq!(children.iter().map(Option::is_some).collect::<Vec<_>>(), present);
        let numbers: Vec<u16> = children.into_iter().flatten().collect();
        prop_assert_eq!(numbers, (0..refs as u16).collect::<Vec<_>>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn key_blocks(block in make::key_block()) {
        prop_assert_eq!(KeyBlock::decode(&block.encode())?, block);
    }
}

#[test]
fn successive_generations_use_different_slots_of_head_and_tail() {
    for generation in 0..10 {
        let [first, second] = slots_of(generation);
        assert_eq!((first / 2, second / 2), (0, 1));
        assert!(slots_of(generation + 1).iter().all(|slot| *slot != first && *slot != second));
    }
}
