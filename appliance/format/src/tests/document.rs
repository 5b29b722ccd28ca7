//! FORMAT.md lists what the code encodes from: every structure, field by field, and every limit.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::layout::Table;
use crate::{
    catalog, checkpoint, event, geometry, keyring, log, manifest, segment, stream, superblock,
};

pub(super) const DOCUMENT: &str = include_str!("../../FORMAT.md");

const TABLE_HEAD: &str = "| offset | size | field | meaning | guards against |";

/// Every structure of this crate; [`no_structure_is_forgotten_here`] sees to that.
const STRUCTURES: [Table; 33] = [
    superblock::Superblock::TABLE,
    superblock::Member::TABLE,
    segment::SegmentInfo::TABLE,
    segment::SegmentHeader::TABLE,
    segment::Entry::TABLE,
    segment::SegmentTrailer::TABLE,
    log::LogHeader::TABLE,
    log::SectionHeader::TABLE,
    log::SegmentPlace::TABLE,
    log::GroupHeader::TABLE,
    log::SealedSegment::TABLE,
    log::RetiredSegment::TABLE,
    log::ReleasedSegment::TABLE,
    log::CopiedSegment::TABLE,
    event::PointRow::TABLE,
    event::MarkRow::TABLE,
    event::ClockRow::TABLE,
    event::PolicyRow::TABLE,
    event::ScrubRow::TABLE,
    catalog::KeptEvent::TABLE,
    checkpoint::CheckpointHead::TABLE,
    checkpoint::PartPlace::TABLE,
    checkpoint::SegmentRow::TABLE,
    manifest::LeafHeader::TABLE,
    manifest::Extent::TABLE,
    manifest::NodeHeader::TABLE,
    stream::StreamLeafHeader::TABLE,
    keyring::KeyBlock::TABLE,
    keyring::KeyBlockHeader::TABLE,
    keyring::WrappedKey::TABLE,
    keyring::KeySlot::TABLE,
    keyring::TenantEntry::TABLE,
    keyring::DataKeyEntry::TABLE,
];

type Row = (usize, usize, String);

fn cells(line: &str) -> Vec<&str> {
    line.trim().trim_matches('|').split('|').map(str::trim).collect()
}

/// The rows of each table of a structure, by the heading above it.
fn documented() -> BTreeMap<String, Vec<Row>> {
    let mut tables: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    let mut heading = "";
    let mut inside = false;
    for line in DOCUMENT.lines() {
        if let Some(name) = line.strip_prefix("### ") {
            heading = name.trim();
        }
        if line == TABLE_HEAD {
            let twice = tables.insert(heading.to_owned(), Vec::new());
            assert!(twice.is_none(), "two tables under {heading}");
            inside = true;
        } else if inside && line.starts_with('|') {
            let cells = cells(line);
            if let (Ok(offset), Ok(size)) = (cells[0].parse(), cells[1].parse()) {
                assert_eq!(cells.len(), 5, "cells of a row of {heading}: {line}");
                let rows = tables.get_mut(heading).unwrap();
                rows.push((offset, size, cells[2].to_owned()));
            } else {
                assert!(line.starts_with("|---"), "a row of {heading} without numbers: {line}");
            }
        } else {
            inside = false;
        }
    }
    tables
}

fn declared() -> BTreeMap<String, Vec<Row>> {
    STRUCTURES
        .iter()
        .map(|table| {
            let fields = table.fields.iter();
            let rows = fields.map(|field| (field.offset, field.size, field.name.to_owned()));
            (table.name.to_owned(), rows.collect())
        })
        .collect()
}

#[test]
fn every_structure_stands_in_the_document_as_the_code_has_it() {
    let (documented, declared) = (documented(), declared());
    for (name, rows) in &declared {
        assert_eq!(documented.get(name), Some(rows), "the table of {name}");
    }
    let unknown: Vec<_> = documented.keys().filter(|name| !declared.contains_key(*name)).collect();
    assert!(unknown.is_empty(), "the document has structures that the code lacks: {unknown:?}");
}

#[test]
fn tables_have_no_gap_and_the_size_of_their_structure() {
    for table in STRUCTURES {
        let end = table.fields.iter().fold(0, |end, field| {
            assert_eq!(field.offset, end, "{} of {}", field.name, table.name);
            end + field.size
        });
        assert_eq!(end, table.size, "bytes of {}", table.name);
    }
}

/// The name that a line of source declares a structure by, if it does.
fn declaration(line: &str) -> Option<&str> {
    let line = line.trim();
    let heading = match line.strip_suffix(" bytes {") {
        Some(layout) => layout.split_once(" = ")?.1,
        None => line.strip_prefix("name: \"").map(|_| &line["name: ".len()..])?,
    };
    heading.strip_prefix('"')?.split('"').next()
}

#[test]
fn no_structure_is_forgotten_here() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = fs::read_dir(source).unwrap().map(|entry| entry.unwrap().path());
    let texts: Vec<String> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let mut found: Vec<&str> =
        texts.iter().flat_map(|text| text.lines()).filter_map(declaration).collect();
    found.sort_unstable();
    let declared = declared();
    assert_eq!(found, declared.keys().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn limits_of_the_document_are_those_of_the_code() {
    let limits: BTreeMap<&str, u64> = BTreeMap::from([
        ("BLOCK", model::BLOCK_U64),
        ("SUPERBLOCK_SLOTS", geometry::SUPERBLOCK_SLOTS.into()),
        ("KEY_SLOTS", geometry::KEY_SLOTS.into()),
        ("LOG_COPIES", geometry::LOG_COPIES.into()),
        ("CELL_BYTES", geometry::CELL_BYTES),
        ("EDGE_BYTES", geometry::EDGE_BYTES),
        ("SEGMENT_BYTES_MIN", (*geometry::SEGMENT_BYTES_RANGE.start()).into()),
        ("SEGMENT_BYTES_MAX", (*geometry::SEGMENT_BYTES_RANGE.end()).into()),
        ("MIN_LOG_BYTES", geometry::MIN_LOG_BYTES),
        ("MIN_SEGMENT_SLOTS", geometry::MIN_SEGMENT_SLOTS.into()),
        ("MAX_MEMBERS", superblock::MAX_MEMBERS as u64),
        ("MAX_RECORDS", segment::MAX_RECORDS.into()),
        ("MAX_REFS", segment::MAX_REFS.into()),
        ("GROUP_BYTES", segment::GROUP_BYTES as u64),
        ("MAX_LOG_PAYLOAD", log::MAX_LOG_PAYLOAD as u64),
        ("MAX_KEPT_BYTES", catalog::MAX_KEPT_BYTES as u64),
        ("LEAF_BLOCKS", manifest::LEAF_BLOCKS.into()),
        ("NODE_FANOUT", manifest::NODE_FANOUT.into()),
        ("MAX_LEVEL", manifest::MAX_LEVEL.into()),
        ("STREAM_CHUNK_MAX", stream::STREAM_CHUNK_MAX.into()),
        ("STREAM_LEAF_MAX", stream::STREAM_LEAF_MAX.into()),
        ("KEY_BLOCK_BYTES", keyring::KEY_BLOCK_BYTES as u64),
        ("MAX_SLOTS", keyring::MAX_SLOTS as u64),
        ("MAX_TENANTS", keyring::MAX_TENANTS as u64),
        ("MAX_DATA_KEYS", keyring::MAX_DATA_KEYS as u64),
    ]);
    let table = DOCUMENT.lines().skip_while(|line| *line != "| limit | value | of what |");
    let rows = table.skip(2).take_while(|line| line.starts_with('|')).map(cells);
    let documented = rows.map(|row| (row[0], row[1].parse().unwrap())).collect();
    assert_eq!(limits, documented);
}
