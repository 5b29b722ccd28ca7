//! The parent recovery point: what it had where, so that only what differs is stored.

use chunk::diff;
use format::manifest::{Extent, HOLE};
use format::segment::RecordKind;
use model::{BLOCK, Digest};
use record::{Leaf, RecordReader, Result};

/// Most runs that a range is split into when most of it is as in the parent; with more, it is
/// stored as one chunk, so that reading it stays one transfer.
pub(crate) const RUNS_MAX: usize = 16;

/// Most pieces of older chunks and new runs together that a range may consist of.
pub(crate) const PIECES_MAX: usize = 24;

/// One leaf of the parent, with the plaintext of those parts that were asked for.
#[derive(Debug, Default)]
pub(crate) struct ParentLeaf {
    leaf: Leaf,
    /// The range as the parent had it; only what was fetched is valid.
    bytes: Vec<u8>,
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
    pub(crate) fn new(leaf: Leaf, bytes: Vec<u8>) -> Self {
        Self { leaf, bytes }
    }

    /// The buffer, for the next leaf.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Whether the parent has this chunk somewhere in the leaf.
    pub(crate) fn has(&self, digest: &Digest) -> bool {
        self.leaf.refs.contains(digest)
    }

    /// Brings the plaintext of block ranges into memory. Every chunk is opened once.
    pub(crate) async fn fetch(
        &mut self,
        reader: &mut RecordReader,
        ranges: &[(u32, u32)],
    ) -> Result<()> {
        let wanted = |at: u32, blocks: u32| {
            ranges.iter().any(|(start, length)| at < start + length && *start < at + blocks)
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
        let bytes = &mut self.bytes;
        reader
            .read_batch(&digests, RecordKind::Chunk, |number, _, plain| {
                let extents = used.get(number).map(|(_, list)| list.as_slice());
                for (at, extent) in extents.unwrap_or_default() {
                    copy(bytes, *at, extent, plain);
                }
            })
            .await
    }

    /// The pieces that make `new`, which begins at block `at`, out of what the parent has there;
    /// `None` when it is better stored as a whole. The range must have been fetched.
    pub(crate) fn pieces(&self, at: u32, new: &[u8]) -> Option<Vec<Piece>> {
        let from = at as usize * BLOCK;
        let old = self.bytes.get(from..from + new.len())?;
        let runs = diff(new, old, RUNS_MAX)?;
        let mut pieces = Vec::new();
        for run in runs {
            let start = at + run.start_block as u32;
            let blocks = run.blocks as u32;
            if run.changed {
                pieces.push(Piece::New { at: start, blocks });
            } else {
                self.old_pieces(start, blocks, &mut pieces)?;
            }
        }
        (pieces.len() <= PIECES_MAX).then_some(pieces)
    }

    /// The parent's own pieces for a run of blocks; `None` where it has a hole: those blocks read
    /// as zeroes, and a hole is not a chunk.
    fn old_pieces(&self, start: u32, blocks: u32, pieces: &mut Vec<Piece>) -> Option<()> {
        let end = start + blocks;
        for (at, extent) in self.leaf.placed() {
            let extent_end = at + u32::from(extent.blocks);
            if extent_end <= start || at >= end {
                continue;
            }
            let digest = *self.leaf.chunk(extent)?;
            let from = at.max(start);
            let skipped = (from - at) as u16;
            let blocks = (extent_end.min(end) - from) as u16;
            pieces.push(Piece::Old { digest, start: extent.start + skipped, blocks });
        }
        Some(())
    }
}

fn copy(bytes: &mut [u8], at: u32, extent: &Extent, plain: &[u8]) {
    let length = usize::from(extent.blocks) * BLOCK;
    let from = usize::from(extent.start) * BLOCK;
    let to = at as usize * BLOCK;
    if let (Some(room), Some(plain)) =
        (bytes.get_mut(to..to + length), plain.get(from..from + length))
    {
        room.copy_from_slice(plain);
    }
}
