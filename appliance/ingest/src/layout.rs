//! A manifest leaf in the making.

use std::collections::HashMap;

use format::manifest::{Extent, HOLE, LeafRows};
use model::{BlockTag, Digest};

/// Extents in order: each chunk is listed once, neighbours that continue each other are one.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    pub(crate) extents: Vec<Extent>,
    pub(crate) refs: Vec<Digest>,
    numbers: HashMap<Digest, u16>,
}

impl Layout {
    pub(crate) fn hole(&mut self, blocks: u32) {
        self.push(HOLE, 0, blocks);
    }

    pub(crate) fn add(&mut self, digest: Digest, start: u16, blocks: u32) {
        let next = self.refs.len() as u16;
        let reference = *self.numbers.entry(digest).or_insert(next);
        if reference == next {
            self.refs.push(digest);
        }
        self.push(reference, start, blocks);
    }

    /// A range has at most 4096 blocks, so every count fits.
    fn push(&mut self, reference: u16, start: u16, blocks: u32) {
        let blocks = blocks as u16;
        if let Some(last) = self.extents.last_mut() {
            let continues = last.reference == reference
                && (reference == HOLE || last.start + last.blocks == start);
            if continues {
                last.blocks += blocks;
                return;
            }
        }
        self.extents.push(Extent { blocks, reference, start, reserved: 0 });
    }

    /// The leaf, given the tag of each block of the range.
    pub(crate) fn rows(self, tags: &[BlockTag]) -> LeafRows {
        let mut rest = tags;
        let mut data = Vec::with_capacity(tags.len());
        for extent in &self.extents {
            let Some((these, after)) = rest.split_at_checked(extent.blocks.into()) else { break };
            if extent.reference != HOLE {
                data.extend_from_slice(these);
            }
            rest = after;
        }
        LeafRows { extents: self.extents, tags: data }
    }
}
