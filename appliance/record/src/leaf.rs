//! A manifest leaf in memory.

use format::manifest::{Extent, HOLE, decode_leaf};
use format::segment::RecordKind;
use model::{BlockTag, Digest};

use crate::{RecordError, RecordReader, Result};

/// What one leaf range of a volume consists of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Leaf {
    /// In order, from the start of the range; what they do not reach reads as zeroes.
    pub extents: Vec<Extent>,
    /// The chunks that the extents name by number.
    pub refs: Vec<Digest>,
}

impl Leaf {
    /// Reads a leaf.
    pub async fn read(reader: &mut RecordReader, digest: &Digest) -> Result<Self> {
        Self::read_tagged(reader, digest).await.map(|(leaf, _)| leaf)
    }

    /// Reads a leaf, and the tag of each of its blocks that is not in a hole, in order.
    pub async fn read_tagged(
        reader: &mut RecordReader,
        digest: &Digest,
    ) -> Result<(Self, Vec<BlockTag>)> {
        let record = reader.read(digest, RecordKind::Leaf).await?;
        let rows = decode_leaf(&record.plain, record.refs.len())
            .map_err(|source| RecordError::Format { digest: *digest, source })?;
        Ok((Self { extents: rows.extents, refs: record.refs }, rows.tags))
    }

    /// Extents with the block, from the start of the range, where each begins.
    pub fn placed(&self) -> impl Iterator<Item = (u32, &Extent)> {
        self.extents.iter().scan(0, |next, extent| {
            let at = *next;
            *next += u32::from(extent.blocks);
            Some((at, extent))
        })
    }

    /// The chunk that an extent comes from; `None` for a hole.
    pub fn chunk(&self, extent: &Extent) -> Option<&Digest> {
        (extent.reference != HOLE).then(|| self.refs.get(usize::from(extent.reference)))?
    }
}
