//! What of a range is not as the parent recovery point has it, block by block.
//!
//! Told by the tags that the ingest compares anyway, so that it costs no reading of data. The
//! amounts are what the signals are judged by.

use model::BLOCK_U64;

use crate::naming::{Named, Part};
use crate::parent::ParentLeaf;

/// Which blocks of a range differ from the parent's. Data that became a hole differs, and a hole
/// that became data; without a parent all data does.
#[derive(Debug)]
pub(crate) struct Changes(Vec<bool>);

impl Changes {
    pub(crate) fn new(named: &Named, parent: Option<&ParentLeaf>) -> Self {
        let mut changed = Vec::with_capacity(named.tags.len());
        let mut old = parent.map(ParentLeaf::tags).unwrap_or_default().iter().copied();
        let mut new = named.tags.iter().copied();
        for part in &named.parts {
            let data = !matches!(part, Part::Hole { .. });
            for _ in 0..part.blocks() {
                let tag = new.next().filter(|_| data);
                changed.push(tag != old.next().flatten());
            }
        }
        Self(changed)
    }

    /// Bytes of all blocks that differ.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes_in(0, self.0.len() as u32)
    }

    /// Bytes of those that differ among these blocks, counted from the start of the range.
    pub(crate) fn bytes_in(&self, at: u32, blocks: u32) -> u64 {
        let part = self.0.iter().skip(at as usize).take(blocks as usize);
        part.filter(|changed| **changed).count() as u64 * BLOCK_U64
    }

    /// As [`bytes_in`](Self::bytes_in), if the blocks did not shrink when they became a record of
    /// `stored` bytes; else 0. What does not shrink is longer for its envelope and its seal; what
    /// does, does so by a 32nd at least, which is more than these.
    ///
    /// What the store had already counts as well as what is new: an ingest that was cut off has
    /// stored what the next one finds, and that must not look harmless for it.
    pub(crate) fn dense_in(&self, at: u32, blocks: u32, stored: u64) -> u64 {
        let dense = stored > u64::from(blocks) * BLOCK_U64;
        if dense { self.bytes_in(at, blocks) } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use format::manifest::{Extent, HOLE};
    use model::{BlockTag, Digest};
    use record::Leaf;

    use super::*;

    const CHUNK: Digest = Digest([1; 32]);

    fn tag(number: u8) -> BlockTag {
        BlockTag([number; 12])
    }

    /// Blocks 1, 2, a hole of two, block 3; behind them a hole.
    fn parent() -> ParentLeaf {
        let extent = |blocks, reference| Extent { blocks, reference, start: 0, reserved: 0 };
        let extents = vec![extent(2, 0), extent(2, HOLE), extent(1, 0)];
        let leaf = Leaf { extents, refs: vec![CHUNK] };
        ParentLeaf::new(leaf, vec![tag(1), tag(2), tag(3)])
    }

    /// A block, a hole of two, three blocks, as `tags` has them.
    fn named(tags: [u8; 6]) -> Named {
        let known = |blocks| Part::Known { digest: CHUNK, blocks, stored: 0 };
        let parts = vec![known(1), Part::Hole { blocks: 2 }, known(3)];
        Named { parts, tags: tags.map(tag).to_vec(), data_blocks: 4 }
    }

    #[test]
    fn without_a_parent_all_data_is_changed_and_holes_are_not() {
        let changes = Changes::new(&named([1, 0, 0, 9, 3, 4]), None);
        assert_eq!(changes.0, [true, false, false, true, true, true]);
        assert_eq!((changes.bytes(), changes.bytes_in(1, 3)), (4 * 4096, 4096));
        assert_eq!((changes.dense_in(3, 3, 12_308), changes.dense_in(3, 3, 12_000)), (12_288, 0));
    }

    #[test]
    fn holes_that_became_data_and_data_that_became_holes_are_changed() {
        let changes = Changes::new(&named([1, 0, 0, 9, 3, 4]), Some(&parent()));
        assert_eq!(changes.0, [false, true, false, true, false, true]);
    }

    #[test]
    fn a_hole_is_not_taken_for_data_whose_tag_is_zeroes() {
        let extent = Extent { blocks: 3, reference: 0, start: 0, reserved: 0 };
        let leaf = Leaf { extents: vec![extent], refs: vec![CHUNK] };
        let parent = ParentLeaf::new(leaf, vec![tag(1), tag(0), tag(3)]);
        let changes = Changes::new(&named([1, 0, 0, 9, 3, 4]), Some(&parent));
        assert_eq!(changes.0, [false, true, true, true, true, true]);
    }
}
