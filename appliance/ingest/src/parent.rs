//! The parent recovery point: what it had where, so that only what differs is stored.
//!
//! Its chunks are compared with the new range while they are still in the cache of the core that
//! opened them; what stays of them is one bit for each block.

use chunk::runs;
use format::manifest::{Extent, HOLE, LEAF_BLOCKS};
use format::segment::RecordKind;
use model::{BLOCK, Digest};
use record::{Leaf, RecordReader};

/// Most runs that a range is split into when most of it is as in the parent; with more, it is
/// stored as one chunk, so that reading it stays one transfer.
pub(crate) const RUNS_MAX: usize = 16;

/// Most pieces of older chunks and new runs together that a range may consist of.
pub(crate) const PIECES_MAX: usize = 24;

/// One leaf of the parent, compared with the range as it is now.
#[derive(Debug)]
pub(crate) struct ParentLeaf {
    leaf: Leaf,
    /// For each block of the range, whether it differs from what the parent had there, as far as
    /// that was compared.
    changed: Vec<bool>,
}

/// A part of a range: as it was, or new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Blocks of a chunk that the parent has there.
    Old { digest: Digest, start: u16, blocks: u16 },
    /// Blocks of the range, counted from its start, that are stored anew.
    New { at: u32, blocks: u32 },
}

impl ParentLeaf {
    pub(crate) fn new(leaf: Leaf) -> Self {
        Self { leaf, changed: vec![true; LEAF_BLOCKS as usize] }
    }

    /// Compares parts of the range (first block, blocks) with what the parent has there. `bytes`
    /// is the whole range as it is now. Every chunk is opened once; what cannot be read counts as
    /// changed, and so is stored anew.
    pub(crate) async fn compare(
        &mut self,
        reader: &mut RecordReader,
        parts: &[(u32, u32)],
        bytes: &[u8],
    ) {
        let wanted = |at: u32, blocks: u32| {
            let after = parts.partition_point(|(start, length)| start + length <= at);
            parts.get(after).is_some_and(|(start, _)| *start < at + blocks)
        };
        let mut uses: Vec<Vec<(u32, Extent)>> = vec![Vec::new(); self.leaf.refs.len()];
        for (at, extent) in self.leaf.placed() {
            if extent.reference != HOLE
                && wanted(at, u32::from(extent.blocks))
                && let Some(list) = uses.get_mut(usize::from(extent.reference))
            {
                list.push((at, *extent));
            }
        }
        let used: Vec<(Digest, &Vec<(u32, Extent)>)> = self
            .leaf
            .refs
            .iter()
            .zip(&uses)
            .filter(|(_, list)| !list.is_empty())
            .map(|(digest, list)| (*digest, list))
            .collect();
        let digests: Vec<Digest> = used.iter().map(|(digest, _)| *digest).collect();
        let changed = &mut self.changed;
        let compared = reader.read_batch(&digests, RecordKind::Chunk, |number, _, plain| {
            let extents = used.get(number).map(|(_, list)| list.as_slice());
            for (at, extent) in extents.unwrap_or_default() {
                compare(changed, bytes, *at, extent, plain);
            }
        });
        // Nothing more to do about an error: what was not compared counts as changed.
        let _ = compared.await;
    }

    /// The pieces that make a new chunk (first block, blocks) out of what the parent has there;
    /// `None` when it is better stored as a whole. It must have been compared.
    pub(crate) fn pieces(&self, at: u32, blocks: u32) -> Option<Vec<Piece>> {
        let changed = self.changed.get(at as usize..(at + blocks) as usize)?;
        let mut pieces = Vec::new();
        for run in runs(changed, RUNS_MAX)? {
            let start = at + run.start_block;
            if run.changed {
                pieces.push(Piece::New { at: start, blocks: run.blocks });
            } else {
                self.old_pieces(start, run.blocks, &mut pieces)?;
            }
        }
        (pieces.len() <= PIECES_MAX).then_some(pieces)
    }

    /// The parent's own pieces for a run of blocks.
    fn old_pieces(&self, start: u32, blocks: u32, pieces: &mut Vec<Piece>) -> Option<()> {
        let end = start + blocks;
        for (at, extent) in self.leaf.placed() {
            let extent_end = at + u32::from(extent.blocks);
            if extent_end <= start || at >= end {
                continue;
            }
            // Blocks in a hole of the parent count as changed, so this is a chunk.
            let digest = *self.leaf.chunk(extent)?;
            let from = at.max(start);
            let skipped = (from - at) as u16;
            let blocks = (extent_end.min(end) - from) as u16;
            pieces.push(Piece::Old { digest, start: extent.start + skipped, blocks });
        }
        Some(())
    }
}

/// Notes which blocks of an extent are now as its chunk has them.
fn compare(changed: &mut [bool], bytes: &[u8], at: u32, extent: &Extent, plain: &[u8]) {
    let (old, _) = plain.as_chunks::<BLOCK>();
    let (new, _) = bytes.as_chunks::<BLOCK>();
    let old = old.iter().skip(usize::from(extent.start));
    let pairs = old.zip(new.iter().skip(at as usize)).take(usize::from(extent.blocks));
    for ((old, new), changed) in pairs.zip(changed.iter_mut().skip(at as usize)) {
        *changed = old != new;
    }
}
