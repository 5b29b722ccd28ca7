//! Leaves and nodes of manifests: sealed, so only a holder of keys could forge them; read all the
//! same as if anyone could.

use disk::sim::SimRng;
use format::manifest::{
    Extent, HOLE, LEAF_BLOCKS, LeafRows, MAX_LEVEL, NODE_FANOUT, decode_leaf, decode_node,
    encode_leaf, encode_node,
};
use format::stream::{STREAM_CHUNK_MAX, decode_stream_leaf, encode_stream_leaf};
use model::BlockTag;

use crate::mutate::{in_place, mutate, number};
use crate::target::Reader;

const LEAF: u8 = 0;
const NODE: u8 = 1;
const STREAM_LEAF: u8 = 2;

/// Input: which of the three, the number of references (two bytes), the payload.
pub(crate) struct Manifests;

impl Reader for Manifests {
    fn input(&mut self, rng: &mut SimRng) -> Vec<u8> {
        let (kind, mut refs, mut payload) = match rng.below(3) {
            0 => leaf(rng),
            1 => node(rng),
            _ => stream_leaf(rng),
        };
        match rng.below(3) {
            0 => mutate(rng, &mut payload),
            1 => in_place(rng, &mut payload),
            _ => refs = number(rng, refs.into(), refs.into()) as u16,
        }
        let [low, high] = refs.to_le_bytes();
        [&[kind, low, high][..], &payload].concat()
    }

    fn read(&mut self, input: &[u8]) {
        let Some(([kind, low, high], payload)) = input.split_first_chunk::<3>() else { return };
        let refs = usize::from(u16::from_le_bytes([*low, *high]));
        match *kind {
            LEAF => read_leaf(payload, refs),
            STREAM_LEAF => read_stream_leaf(payload, refs),
            _ => read_node(payload, refs),
        }
    }
}

fn leaf(rng: &mut SimRng) -> (u8, u16, Vec<u8>) {
    let refs = rng.below(40) as u16 + 1;
    let mut left = LEAF_BLOCKS as u16;
    let mut extents = Vec::new();
    while left > 0 && rng.below(50) > 0 {
        let blocks = 1 + rng.below(u64::from(left).min(200)) as u16;
        left -= blocks;
        let hole = rng.below(4) == 0;
        let reference = if hole { HOLE } else { rng.below(refs.into()) as u16 };
        extents.push(Extent { blocks, reference, start: rng.below(64) as u16, reserved: 0 });
    }
    let data = extents.iter().filter(|extent| extent.reference != HOLE);
    let blocks: u16 = data.map(|extent| extent.blocks).sum();
    let tags = (0..blocks).map(|_| BlockTag([rng.next_u64() as u8; 12])).collect();
    (LEAF, refs, encode_leaf(&LeafRows { extents, tags }))
}

fn node(rng: &mut SimRng) -> (u8, u16, Vec<u8>) {
    let level = 1 + rng.below(MAX_LEVEL.into()) as u8;
    let children = rng.below(u64::from(NODE_FANOUT) + 1);
    let present: Vec<bool> = (0..children).map(|_| rng.below(3) > 0).collect();
    let refs = present.iter().filter(|is| **is).count() as u16;
    (NODE, refs, encode_node(level, &present))
}

fn stream_leaf(rng: &mut SimRng) -> (u8, u16, Vec<u8>) {
    let refs = rng.below(40) as u16;
    let length = |rng: &mut SimRng| 1 + rng.below(STREAM_CHUNK_MAX.into()) as u32;
    let lengths: Vec<u32> = (0..refs).map(|_| length(rng)).collect();
    (STREAM_LEAF, refs, encode_stream_leaf(&lengths))
}

fn read_leaf(payload: &[u8], refs: usize) {
    let Ok(leaf) = decode_leaf(payload, refs) else { return };
    let blocks: u32 = leaf.extents.iter().map(|extent| u32::from(extent.blocks)).sum();
    assert!(blocks <= LEAF_BLOCKS && leaf.extents.iter().all(|extent| extent.blocks > 0));
    assert!(leaf.tags.len() <= blocks as usize);
    assert_eq!(decode_leaf(&encode_leaf(&leaf), refs), Ok(leaf));
}

fn read_node(payload: &[u8], refs: usize) {
    let Ok((level, children)) = decode_node(payload, refs) else { return };
    assert!((1..=MAX_LEVEL).contains(&level) && children.len() <= NODE_FANOUT as usize);
    assert!(children.iter().flatten().all(|child| usize::from(*child) < refs));
    let present: Vec<bool> = children.iter().map(Option::is_some).collect();
    assert_eq!(decode_node(&encode_node(level, &present), refs), Ok((level, children)));
}

fn read_stream_leaf(payload: &[u8], refs: usize) {
    let Ok(lengths) = decode_stream_leaf(payload, refs) else { return };
    assert!(lengths.len() == refs && lengths.iter().all(|length| *length > 0));
    assert_eq!(decode_stream_leaf(&encode_stream_leaf(&lengths), refs), Ok(lengths));
}
