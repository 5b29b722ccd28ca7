//! Cutting and naming a range.

use chunk::{Cut, cut};
use model::{BLOCK, BlockTag, Digest};
use record::{Result, TenantAccess};

/// What stands where, before it is turned into extents.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    Hole {
        blocks: u32,
    },
    /// A chunk that the store has, in so many bytes.
    Known {
        digest: Digest,
        blocks: u32,
        stored: u64,
    },
    New(NewChunk),
}

impl Part {
    /// How many blocks it covers.
    pub(crate) fn blocks(&self) -> u32 {
        match self {
            Self::Hole { blocks }
            | Self::Known { blocks, .. }
            | Self::New(NewChunk { blocks, .. }) => *blocks,
        }
    }
}

/// A chunk that the store does not have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewChunk {
    /// First block, from the start of the range.
    pub(crate) at: u32,
    pub(crate) blocks: u32,
    pub(crate) digest: Digest,
}

/// A range that has been cut and named.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) parts: Vec<Part>,
    /// The tag of each block; that of a block in a hole says nothing.
    pub(crate) tags: Vec<BlockTag>,
    pub(crate) data_blocks: u32,
}

/// Cuts and names the range, and tells what of it the store has.
pub(crate) async fn name_range(access: &TenantAccess, bytes: &[u8]) -> Result<Named> {
    let mut cuts = cut(bytes, access.tag_key());
    let mut parts = Vec::with_capacity(512);
    let (mut at, mut data_blocks) = (0, 0);
    for cut in cuts.by_ref() {
        let blocks = cut.blocks();
        let part = match cut {
            Cut::Hole { .. } => Part::Hole { blocks },
            Cut::Data { .. } => {
                data_blocks += blocks;
                let from = at as usize * BLOCK;
                let plain = bytes.get(from..from + cut.bytes()).unwrap_or_default();
                let digest = access.namer().name_data(plain);
                match access.store().stored_length(&digest).await? {
                    Some(stored) => Part::Known { digest, blocks, stored },
                    None => Part::New(NewChunk { at, blocks, digest }),
                }
            }
        };
        parts.push(part);
        at += blocks;
    }
    Ok(Named { parts, tags: cuts.into_tags(), data_blocks })
}
