//! One leaf range as bytes.

use format::manifest::Extent;
use model::{BLOCK, Digest};
use record::{ChunkTarget, Leaf, RecordError, RecordReader, Result};

/// Fills `bytes`, which are zeroes, with what the leaf says. Each chunk is opened once.
pub(crate) async fn fill(reader: &mut RecordReader, leaf: &Leaf, bytes: &mut [u8]) -> Result<()> {
    let mut uses: Vec<Vec<(u32, Extent)>> = vec![Vec::new(); leaf.refs.len()];
    for (at, extent) in leaf.placed() {
        if let Some(list) = uses.get_mut(usize::from(extent.reference)) {
            list.push((at, *extent));
        }
    }
    let used: Vec<(&Digest, Vec<(u32, Extent)>)> =
        leaf.refs.iter().zip(uses).filter(|(_, list)| !list.is_empty()).collect();
    let digests: Vec<Digest> = used.iter().map(|(digest, _)| **digest).collect();
    let mut range = Range { bytes, used, short: None };
    reader.read_chunks(&digests, &mut range).await?;
    range.short.map_or(Ok(()), |digest| Err(RecordError::Short { digest }))
}

/// A range that is being filled, and where each chunk goes in it.
struct Range<'a> {
    bytes: &'a mut [u8],
    used: Vec<(&'a Digest, Vec<(u32, Extent)>)>,
    /// A chunk that has less than the leaf takes from it.
    short: Option<Digest>,
}

impl ChunkTarget for Range<'_> {
    fn room(&mut self, number: usize, bytes: usize) -> Option<&mut [u8]> {
        let (_, extents) = self.used.get(number)?;
        let &[(at, extent)] = extents.as_slice() else { return None };
        let whole = extent.start == 0 && usize::from(extent.blocks) * BLOCK == bytes;
        let from = at as usize * BLOCK;
        self.bytes.get_mut(from..from + bytes).filter(|_| whole)
    }

    fn take(&mut self, number: usize, plain: &[u8]) {
        let Some((digest, extents)) = self.used.get(number) else { return };
        for (at, extent) in extents {
            if !copy(self.bytes, *at, extent, plain) {
                self.short = Some(**digest);
            }
        }
    }
}

/// Copies an extent's blocks to their place; false when chunk or range are too short for it.
fn copy(bytes: &mut [u8], at: u32, extent: &Extent, plain: &[u8]) -> bool {
    let length = usize::from(extent.blocks) * BLOCK;
    let from = usize::from(extent.start) * BLOCK;
    let to = at as usize * BLOCK;
    match (bytes.get_mut(to..to + length), plain.get(from..from + length)) {
        (Some(room), Some(plain)) => {
            room.copy_from_slice(plain);
            true
        }
        _ => false,
    }
}

/// Runs of blocks that hold data: their first block and their number.
pub(crate) fn data_runs(leaf: &Leaf) -> Vec<(u32, u32)> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for (at, extent) in leaf.placed() {
        if leaf.chunk(extent).is_none() {
            continue;
        }
        let blocks = u32::from(extent.blocks);
        match runs.last_mut() {
            Some((start, length)) if *start + *length == at => *length += blocks,
            _ => runs.push((at, blocks)),
        }
    }
    runs
}
