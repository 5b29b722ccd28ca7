//! The manifest: a Merkle tree over fixed ranges of a volume.
//!
//! A leaf maps 16 MiB, so that a change rewrites only the leaves that it touches and two recovery
//! points are compared by descending only where digests differ. Digests of children are the
//! record's references, in the clear: what is still in use can be told without keys. How they are
//! laid out is in the sealed payload.

use model::BlockTag;

use crate::FormatError;
use crate::bytes::{Taker, put};
use crate::layout::{Fixed, layout};
use crate::segment::MAX_REFS;

/// Blocks of a volume that one leaf maps: 16 MiB.
pub const LEAF_BLOCKS: u32 = 4096;

/// Bytes of a volume that one leaf maps.
pub const LEAF_BYTES: u64 = LEAF_BLOCKS as u64 * model::BLOCK_U64;

/// Most children of a node.
pub const NODE_FANOUT: u32 = 512;

/// Deepest tree: 512^4 leaves are 2^60 bytes.
pub const MAX_LEVEL: u8 = 4;

/// [`Extent::reference`] of blocks that read as zeroes.
pub const HOLE: u16 = u16::MAX;

const LEAF: &str = "manifest leaf";
const NODE: &str = "manifest node";

layout! {
    /// Start of a leaf's payload; the extents follow, then a tag for each block that is not in a
    /// hole, in order.
    pub struct LeafHeader = "LeafHeader", 8 bytes {
        extents: u32,
        tags: u32,
    }
}

layout! {
    /// Consecutive blocks of a volume that come from one chunk, or from none.
    pub struct Extent = "Extent", 8 bytes {
        blocks: u16,
        /// Which reference of the leaf: the chunk they come from; `HOLE` for zeroes.
        reference: u16,
        /// First of them, counted in blocks from the start of the chunk.
        start: u16,
        reserved: u16,
    }
}

layout! {
    /// Start of a node's payload; a bitmap of `children` bits follows, least significant bit
    /// first: 1 where the child exists, 0 where its whole range reads as zeroes.
    pub struct NodeHeader = "NodeHeader", 8 bytes {
        /// 1 when the children are leaves, else one more than theirs.
        level: u8,
        reserved: [u8; 3],
        children: u32,
    }
}

/// What a leaf says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeafRows {
    /// In order, without gaps, from the first block of the range.
    pub extents: Vec<Extent>,
    /// One for each block that is not in a hole, in order.
    pub tags: Vec<BlockTag>,
}

/// Encodes a leaf.
pub fn encode_leaf(rows: &LeafRows) -> Vec<u8> {
    let LeafRows { extents, tags } = rows;
    let mut payload = Vec::with_capacity(8 + 8 * extents.len() + BlockTag::SIZE * tags.len());
    let header = LeafHeader { extents: extents.len() as u32, tags: tags.len() as u32 };
    put(&mut payload, &header);
    extents.iter().for_each(|extent| put(&mut payload, extent));
    tags.iter().for_each(|tag| put(&mut payload, tag));
    payload
}

/// Decodes a leaf that has `refs` references. The extents add up to at most [`LEAF_BLOCKS`] and
/// name only references that exist, and all their blocks have tags.
pub fn decode_leaf(payload: &[u8], refs: usize) -> Result<LeafRows, FormatError> {
    let mut taker = Taker::new(payload, LEAF);
    let header: LeafHeader = taker.value()?;
    if header.extents > LEAF_BLOCKS {
        return Err(taker.invalid("extent count"));
    }
    let extents: Vec<Extent> = taker.list(header.extents as usize)?;
    let tags: Vec<BlockTag> = taker.list(header.tags as usize)?;
    if !taker.is_empty() {
        return Err(taker.invalid("length"));
    }
    let blocks: u64 = extents.iter().map(|extent| u64::from(extent.blocks)).sum();
    let known = |extent: &Extent| extent.reference == HOLE || usize::from(extent.reference) < refs;
    let ends = |extent: &Extent| extent.start.checked_add(extent.blocks).is_some();
    if !extents.iter().all(ends) {
        return Err(taker.invalid("extent start"));
    }
    if blocks > u64::from(LEAF_BLOCKS) || extents.iter().any(|extent| extent.blocks == 0) {
        return Err(taker.invalid("extent length"));
    }
    if !extents.iter().all(known) {
        return Err(taker.invalid("reference"));
    }
    let data = extents.iter().filter(|extent| extent.reference != HOLE);
    if data.map(|extent| usize::from(extent.blocks)).sum::<usize>() != tags.len() {
        return Err(taker.invalid("tag count"));
    }
    Ok(LeafRows { extents, tags })
}

/// Encodes a node whose children exist where `present` says so.
pub fn encode_node(level: u8, present: &[bool]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(8 + present.len().div_ceil(8));
    put(&mut payload, &NodeHeader { level, reserved: [0; 3], children: present.len() as u32 });
    for eight in present.chunks(8) {
        let bits = eight.iter().enumerate().fold(0u8, |bits, (at, is)| bits | u8::from(*is) << at);
        payload.push(bits);
    }
    payload
}

/// Decodes a node that has `refs` references: its level and, for each child, the number of the
/// reference that is its digest.
pub fn decode_node(payload: &[u8], refs: usize) -> Result<(u8, Vec<Option<u16>>), FormatError> {
    let mut taker = Taker::new(payload, NODE);
    let header: NodeHeader = taker.value()?;
    if header.level == 0 || header.level > MAX_LEVEL {
        return Err(taker.invalid("level"));
    }
    if header.children > NODE_FANOUT || header.children > MAX_REFS {
        return Err(taker.invalid("child count"));
    }
    let bitmap = taker.bytes((header.children as usize).div_ceil(8))?;
    let mut next = 0u16;
    let children = (0..header.children as usize)
        .map(|child| {
            let bits = bitmap.get(child / 8).copied().unwrap_or_default();
            (bits >> (child % 8) & 1 == 1).then(|| {
                next += 1;
                next - 1
            })
        })
        .collect();
    if !taker.is_empty() || usize::from(next) != refs {
        return Err(taker.invalid("reference count"));
    }
    Ok((header.level, children))
}

/// Levels above the leaves that a volume of `leaves` leaves needs: at least one.
pub fn levels_for(leaves: u64) -> u8 {
    let mut level = 1;
    let mut reach = u64::from(NODE_FANOUT);
    while reach < leaves && level < MAX_LEVEL {
        reach = reach.saturating_mul(u64::from(NODE_FANOUT));
        level += 1;
    }
    level
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_survives_the_way_there_and_back() {
        let extent = |blocks, reference, start| Extent { blocks, reference, start, reserved: 0 };
        let extents = vec![extent(4000, HOLE, 0), extent(16, 0, 3), extent(80, 1, 0)];
        let leaf_of =
            |blocks| LeafRows { tags: vec![BlockTag([7; 12]); blocks], ..LeafRows::default() };
        let leaf = LeafRows { extents, ..leaf_of(96) };
        assert_eq!(decode_leaf(&encode_leaf(&leaf), 2), Ok(leaf.clone()));
        assert!(decode_leaf(&encode_leaf(&leaf), 1).is_err(), "a reference too many");
        let untagged = LeafRows { extents: leaf.extents, ..leaf_of(95) };
        assert!(decode_leaf(&encode_leaf(&untagged), 2).is_err(), "a tag is missing");
        let wrapped = LeafRows { extents: vec![extent(96, 0, u16::MAX)], ..leaf_of(96) };
        assert!(decode_leaf(&encode_leaf(&wrapped), 1).is_err(), "no chunk is that long");
        let extents = vec![extent(4000, HOLE, 0), extent(97, HOLE, 0)];
        let long = LeafRows { extents, ..leaf_of(0) };
        assert!(decode_leaf(&encode_leaf(&long), 0).is_err(), "a block too many");
    }

    #[test]
    fn a_node_keeps_the_places_of_its_children() {
        let present = [true, false, false, true, true, false, true, true, false, true];
        let children = decode_node(&encode_node(1, &present), 6);
        let expected = [Some(0), None, None, Some(1), Some(2), None, Some(3), Some(4), None];
        assert_eq!(children, Ok((1, [&expected[..], &[Some(5)]].concat())));
        assert!(decode_node(&encode_node(1, &present), 5).is_err());
    }

    #[test]
    fn the_tree_is_as_deep_as_the_volume_is_long() {
        assert_eq!((levels_for(0), levels_for(512), levels_for(513)), (1, 1, 2));
        assert_eq!(levels_for(512 * 512 + 1), 3);
    }
}
