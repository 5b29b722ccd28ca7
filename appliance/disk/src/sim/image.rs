//! The contents of a simulated disk: blocks shared between all states that have them in common.
//!
//! A copy of an image costs a reference count; the first change to a copy, one for each block; a
//! changed block, its bytes. That is what makes hundreds of thousands of crash states affordable.

use std::sync::{Arc, LazyLock};

use model::BLOCK;

/// Bytes that a disk writes as a whole even when power fails.
const SECTOR: usize = 512;
pub(super) const SECTORS_PER_BLOCK: usize = BLOCK / SECTOR;

/// One block, immutable while it is shared.
pub(super) type Block = Arc<[u8; BLOCK]>;

static ZERO: LazyLock<Block> = LazyLock::new(|| Arc::new([0; BLOCK]));

/// All blocks of a disk.
#[derive(Clone)]
pub(super) struct Image {
    blocks: Arc<Vec<Block>>,
}

/// Blocks that two images share are not compared.
impl PartialEq for Image {
    fn eq(&self, other: &Self) -> bool {
        let same = |(one, two): (&Block, &Block)| Arc::ptr_eq(one, two) || one == two;
        self.blocks.len() == other.blocks.len()
            && self.blocks.iter().zip(other.blocks.iter()).all(same)
    }
}

impl Image {
    /// Zeroes; `bytes` counts whole blocks.
    pub(super) fn zeroed(bytes: u64) -> Self {
        Self { blocks: Arc::new(vec![ZERO.clone(); bytes as usize / BLOCK]) }
    }

    /// The whole blocks of `bytes`.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self { blocks: Arc::new(to_blocks(bytes)) }
    }

    pub(super) fn bytes(&self) -> u64 {
        (self.blocks.len() * BLOCK) as u64
    }

    pub(super) fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.blocks.len() * BLOCK);
        self.blocks.iter().for_each(|block| bytes.extend_from_slice(&block[..]));
        bytes
    }

    /// Blocks from `first` on, at most `count`; fewer at the end of the disk.
    pub(super) fn range(&self, first: usize, count: usize) -> &[Block] {
        let rest = self.blocks.get(first..).unwrap_or_default();
        &rest[..count.min(rest.len())]
    }

    /// Replaces blocks from `first` on; what lies beyond the end is left out.
    pub(super) fn put(&mut self, first: usize, blocks: &[Block]) {
        let places = Arc::make_mut(&mut self.blocks).iter_mut().skip(first);
        places.zip(blocks).for_each(|(place, block)| place.clone_from(block));
    }

    /// As [`put`](Self::put), but only those 512-byte sectors, counted from the start of
    /// `blocks`, that `keep` is true for.
    pub(super) fn put_sectors(
        &mut self,
        first: usize,
        blocks: &[Block],
        mut keep: impl FnMut(usize) -> bool,
    ) {
        let places = Arc::make_mut(&mut self.blocks).iter_mut().skip(first);
        for (at, (place, block)) in places.zip(blocks).enumerate() {
            let mut mixed = **place;
            let sectors = mixed.chunks_exact_mut(SECTOR).zip(block.chunks_exact(SECTOR));
            for (sector, (old, new)) in sectors.enumerate() {
                if keep(at * SECTORS_PER_BLOCK + sector) {
                    old.copy_from_slice(new);
                }
            }
            *place = Arc::new(mixed);
        }
    }

    /// Fills `target` from block `first` on; its length is whole blocks within the image.
    pub(super) fn copy_to(&self, first: usize, target: &mut [u8]) {
        let blocks = self.blocks.iter().skip(first);
        target
            .chunks_exact_mut(BLOCK)
            .zip(blocks)
            .for_each(|(t, block)| t.copy_from_slice(&block[..]));
    }
}

/// The whole blocks of `bytes`; zeroes are all one block.
pub(super) fn to_blocks(bytes: &[u8]) -> Vec<Block> {
    let (blocks, _) = bytes.as_chunks::<BLOCK>();
    blocks
        .iter()
        .map(|block| if *block == **ZERO { ZERO.clone() } else { Arc::new(*block) })
        .collect()
}
