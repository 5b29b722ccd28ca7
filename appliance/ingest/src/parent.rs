//! The parent recovery point: what it had where, so that only what differs is stored.
//!
//! Blocks are compared by their tags, which stand in the parent's leaf: nothing else of the parent
//! is read, so that scattered changes cost no scattered reads.

use chunk::runs;
use format::manifest::{HOLE, LEAF_BLOCKS};
use model::{BlockTag, Digest};
use record::Leaf;

/// Most runs that a new chunk is split into when most of it is as in the parent; with more, it is
/// stored whole, so that reading it stays one transfer.
pub(crate) const RUNS_MAX: usize = 16;

/// Most pieces of older chunks and new runs together that stand in place of a new chunk, however
/// long it is.
pub(crate) const PIECES_MAX: usize = 24;

/// As many pieces may stand in place of the shortest chunks: two blocks that changed apart.
pub(crate) const PIECES_MIN: usize = 5;

/// Otherwise a piece has at least this many blocks on average, or small changes day after day
/// would turn a volume into single blocks all over the store.
pub(crate) const BLOCKS_PER_PIECE: usize = 2;

/// One leaf of the parent.
#[derive(Debug)]
pub(crate) struct ParentLeaf {
    leaf: Leaf,
    /// Of each block of the range; `None` for a hole.
    tags: Vec<Option<BlockTag>>,
}

/// Blocks of a chunk from `start` on, which stand in the range from its block `at` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) at: u32,
    pub(crate) start: u16,
    pub(crate) blocks: u16,
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
    /// A leaf and the tags of its blocks that are not in holes.
    pub(crate) fn new(leaf: Leaf, tags: Vec<BlockTag>) -> Self {
        let mut tags = tags.into_iter();
        let mut all = Vec::with_capacity(LEAF_BLOCKS as usize);
        for extent in &leaf.extents {
            for _ in 0..extent.blocks {
                all.push(if extent.reference == HOLE { None } else { tags.next() });
            }
        }
        Self { leaf, tags: all }
    }

    /// Its chunks.
    pub(crate) fn chunks(&self) -> &[Digest] {
        &self.leaf.refs
    }

    /// For each of the chunks, in their order, where it stands in the range.
    pub(crate) fn uses(&self) -> Vec<Vec<Use>> {
        let mut uses = vec![Vec::new(); self.leaf.refs.len()];
        for (at, extent) in self.leaf.placed().filter(|(_, extent)| extent.reference != HOLE) {
            if let Some(uses) = uses.get_mut(usize::from(extent.reference)) {
                uses.push(Use { at, start: extent.start, blocks: extent.blocks });
            }
        }
        uses
    }

    /// The tag of each block, from the start of the range; `None` for one in a hole. Blocks behind
    /// them are holes too.
    pub(crate) fn tags(&self) -> &[Option<BlockTag>] {
        &self.tags
    }

    /// Blocks that are not in holes.
    pub(crate) fn data_blocks(&self) -> u64 {
        self.tags.iter().flatten().count() as u64
    }

    /// The pieces that make a new chunk, which begins at this block of the range and has blocks
    /// with these tags, out of what the parent has there; `None` when it is better stored as a
    /// whole.
    pub(crate) fn pieces(&self, at: u32, tags: &[BlockTag]) -> Option<Vec<Piece>> {
        let old = self.tags.iter().skip(at as usize).copied();
        let old = old.chain(std::iter::repeat(None));
        let changed: Vec<bool> = tags.iter().zip(old).map(|(new, old)| old != Some(*new)).collect();
        let mut pieces = Vec::new();
        for run in runs(&changed, RUNS_MAX)? {
            let start = at + run.start_block;
            if run.changed {
                pieces.push(Piece::New { at: start, blocks: run.blocks });
            } else {
                self.old_pieces(start, run.blocks, &mut pieces)?;
            }
        }
        let most = (tags.len() / BLOCKS_PER_PIECE).clamp(PIECES_MIN, PIECES_MAX);
        (pieces.len() <= most).then_some(pieces)
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

#[cfg(test)]
mod tests {
    use format::manifest::Extent;

    use super::*;

    const A: Digest = Digest([1; 32]);
    const B: Digest = Digest([2; 32]);

    fn tag(number: u8) -> BlockTag {
        BlockTag([number; 12])
    }

    /// Ten blocks of A from its block 3, two zero blocks, four blocks of B.
    fn parent() -> ParentLeaf {
        let extent = |blocks, reference, start| Extent { blocks, reference, start, reserved: 0 };
        let extents = vec![extent(10, 0, 3), extent(2, HOLE, 0), extent(4, 1, 0)];
        ParentLeaf::new(Leaf { extents, refs: vec![A, B] }, (0..14).map(tag).collect())
    }

    #[test]
    fn what_is_equal_in_the_same_place_points_into_the_parents_chunks() {
        let new: Vec<BlockTag> = [2, 3, 99, 5, 6, 7, 8, 9].map(tag).to_vec();
        let pieces = parent().pieces(2, &new);
        let expected = vec![
            Piece::Old { digest: A, start: 5, blocks: 2 },
            Piece::New { at: 4, blocks: 1 },
            Piece::Old { digest: A, start: 8, blocks: 5 },
        ];
        assert_eq!(pieces, Some(expected));
    }

    #[test]
    fn a_hole_of_the_parent_and_what_lies_behind_its_end_are_changed() {
        let new: Vec<BlockTag> = [9, 0, 0, 10, 11, 12, 13, 14].map(tag).to_vec();
        let expected = vec![
            Piece::Old { digest: A, start: 12, blocks: 1 },
            Piece::New { at: 10, blocks: 2 },
            Piece::Old { digest: B, start: 0, blocks: 4 },
            Piece::New { at: 16, blocks: 1 },
        ];
        assert_eq!(parent().pieces(9, &new), Some(expected));
    }

    #[test]
    fn what_moved_or_mostly_changed_is_stored_whole() {
        let moved: Vec<BlockTag> = (1..9).map(tag).collect();
        assert_eq!(parent().pieces(0, &moved), None);
        assert_eq!(parent().pieces(0, &[tag(0), tag(98), tag(99)]), None);
        assert_eq!(parent().pieces(4000, &[tag(0)]), None);
    }

    #[test]
    fn what_came_to_too_many_pieces_is_stored_whole() {
        let changed = |at: &[u8]| -> Vec<BlockTag> {
            (0..9).map(|block| tag(if at.contains(&block) { 99 } else { block })).collect()
        };
        assert_eq!(parent().pieces(0, &changed(&[2, 5])).map(|pieces| pieces.len()), Some(5));
        assert_eq!(parent().pieces(0, &changed(&[1, 3, 5])), None);
    }
}
