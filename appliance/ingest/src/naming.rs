//! Cutting and naming a range, a window at a time: while the chunks of one window are named, the
//! parent's chunks for the window before are on their way from the disk.

use chunk::{Cut, Cuts, cut};
use model::{BLOCK, Digest};
use record::{Result, TenantAccess};

/// What is named before anything is compared: long enough that few chunks of the parent reach into
/// two windows and are read twice, short enough that the disk is never idle for long.
const WINDOW_BLOCKS: u32 = (2 << 20) / BLOCK as u32;

/// What stands where, before it is turned into extents.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    Hole { blocks: u32 },
    Known { digest: Digest, blocks: u32 },
    New(NewChunk),
}

/// A chunk that the store does not have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewChunk {
    /// First block, from the start of the range.
    pub(crate) at: u32,
    pub(crate) blocks: u32,
    pub(crate) digest: Digest,
}

/// A range of which a part has been cut and named.
#[derive(Debug)]
pub(crate) struct Naming<'a> {
    access: &'a TenantAccess,
    bytes: &'a [u8],
    cuts: Cuts<'a>,
    /// The first block that has no name.
    at: u32,
    pub(crate) parts: Vec<Part>,
    pub(crate) data_blocks: u32,
}

impl<'a> Naming<'a> {
    pub(crate) fn new(access: &'a TenantAccess, bytes: &'a [u8]) -> Self {
        let cuts = cut(bytes, access.boundary());
        Self { access, bytes, cuts, at: 0, parts: Vec::with_capacity(512), data_blocks: 0 }
    }

    /// Names the next window; gives what of it the store lacks (first block, blocks), in order.
    /// `None` after the last.
    pub(crate) async fn window(&mut self) -> Result<Option<Vec<(u32, u32)>>> {
        let begin = self.at;
        let mut new = Vec::new();
        while self.at - begin < WINDOW_BLOCKS {
            let Some(cut) = self.cuts.next() else { break };
            let part = self.part(cut).await?;
            if let Part::New(chunk) = part {
                new.push((chunk.at, chunk.blocks));
            }
            self.parts.push(part);
            self.at += cut.blocks();
        }
        Ok((self.at > begin).then_some(new))
    }

    async fn part(&mut self, cut: Cut) -> Result<Part> {
        let blocks = cut.blocks();
        if let Cut::Hole { .. } = cut {
            return Ok(Part::Hole { blocks });
        }
        self.data_blocks += blocks;
        let from = self.at as usize * BLOCK;
        let plain = self.bytes.get(from..from + cut.bytes()).unwrap_or_default();
        let digest = self.access.namer().name_data(plain);
        Ok(match self.access.store().contains(&digest).await? {
            true => Part::Known { digest, blocks },
            false => Part::New(NewChunk { at: self.at, blocks, digest }),
        })
    }
}
