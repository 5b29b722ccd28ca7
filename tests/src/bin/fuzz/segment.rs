//! Segments: headers, and footers with their entries.

use disk::sim::SimRng;
use format::layout::Fixed;
use format::segment::{Entry, Footer, SegmentHeader, SegmentTrailer};
use model::BLOCK;

use crate::make::{POOL, fixed, list};
use crate::mutate::{field, in_place, mutate};
use crate::sign::sign;
use crate::target::Reader;

const SEGMENT_BYTES: u32 = 1 << 20;

const HEADER: u8 = 0;
const FOOTER: u8 = 1;

/// Input: which of the two, then the header's block or the whole footer.
pub(crate) struct Segments;

impl Reader for Segments {
    fn input(&mut self, rng: &mut SimRng) -> Vec<u8> {
        let (kind, mut bytes) = if rng.below(4) == 0 { header(rng) } else { footer(rng) };
        bytes.insert(0, kind);
        bytes
    }

    fn read(&mut self, input: &[u8]) {
        match input.split_first() {
            Some((&HEADER, block)) => read_header(block),
            Some((_, footer)) => read_footer(footer),
            None => {}
        }
    }
}

fn header(rng: &mut SimRng) -> (u8, Vec<u8>) {
    let mut block = SegmentHeader::encode(POOL, &fixed(rng)).to_vec();
    match rng.below(3) {
        0 => mutate(rng, &mut block),
        1 => in_place(rng, &mut block[..SegmentHeader::SIZE]),
        _ => field(rng, &SegmentHeader::TABLE, &mut block),
    }
    if rng.below(3) > 0 {
        sign(&mut block, SegmentHeader::SIZE - 32);
    }
    (HEADER, block)
}

fn footer(rng: &mut SimRng) -> (u8, Vec<u8>) {
    let (info, body_end) = (fixed(rng), rng.next_u64() as u32);
    let (entries, groups) = (list(rng, 100), list(rng, 4));
    let footer = Footer::build(POOL, &info, SEGMENT_BYTES, body_end, &entries, &groups);
    let mut lists = footer.bytes;
    let mut trailer = lists.split_off(lists.len() - BLOCK);
    match rng.below(4) {
        0 => in_place(rng, &mut trailer[..SegmentTrailer::SIZE]),
        1 => field(rng, &SegmentTrailer::TABLE, &mut trailer),
        2 => in_place(rng, &mut lists),
        _ => mutate(rng, &mut lists),
    }
    if rng.below(2) == 0 {
        hash_lists(&mut trailer, &lists);
    }
    if rng.below(4) > 0 {
        sign(&mut trailer, SegmentTrailer::SIZE - 32);
    }
    (FOOTER, [lists, trailer].concat())
}

/// Makes the trailer's hashes those of as many entries and groups as it says.
fn hash_lists(block: &mut [u8], lists: &[u8]) {
    let trailer = SegmentTrailer::load(block);
    let entries = (trailer.records as usize * Entry::SIZE).min(lists.len());
    let (entries, rest) = lists.split_at(entries);
    let groups = rest.get(..trailer.groups as usize * 32).unwrap_or_default();
    let entries_hash = *blake3::hash(entries).as_bytes();
    let groups_hash = *blake3::hash(groups).as_bytes();
    SegmentTrailer { entries_hash, groups_hash, ..trailer }.save(block);
}

fn read_header(block: &[u8]) {
    if let Ok(info) = SegmentHeader::decode(block, POOL) {
        let again = SegmentHeader::encode(POOL, &info);
        assert_eq!(SegmentHeader::decode(&again, POOL), Ok(info));
    }
}

fn read_footer(footer: &[u8]) {
    let (lists, block) = footer.split_at(footer.len().saturating_sub(BLOCK));
    let Ok(trailer) = SegmentTrailer::decode(block, POOL) else { return };
    let Ok(entries) = trailer.entries(lists) else { return };
    assert_eq!(entries.len(), trailer.records as usize);
    let info = trailer.info;
    let again = Footer::build(POOL, &info, SEGMENT_BYTES, trailer.body_end, &entries, &[]);
    assert_eq!(again.trailer.entries(&again.bytes), Ok(entries));
}
