//! Whether blocks have the tags that a leaf says: what the next ingest compares with.

use format::manifest::HOLE;
use model::{BLOCK, BLOCK_U64, Digest};
use record::{Leaf, RecordReader};

use crate::leaf::fill;

/// Blocks of a leaf whose tags are not those of what its chunks hold: bytes from the start of its
/// range, in order. What cannot be read is no matter of tags. `range` is room for the whole range.
pub(crate) async fn mistagged(
    reader: &mut RecordReader,
    digest: &Digest,
    range: &mut [u8],
) -> Vec<(u64, u64)> {
    let Ok((leaf, tags)) = Leaf::read_tagged(reader, digest).await else { return Vec::new() };
    range.fill(0);
    if fill(reader, &leaf, range).await.is_err() {
        return Vec::new();
    }
    let (blocks, _) = range.as_chunks::<BLOCK>();
    let key = reader.access().tag_key();
    let mut tags = tags.iter();
    let mut wrong: Vec<(u64, u64)> = Vec::new();
    for (at, extent) in leaf.placed().filter(|(_, extent)| extent.reference != HOLE) {
        for block in at..at + u32::from(extent.blocks) {
            let found = blocks.get(block as usize).map(|block| key.block_tag(block));
            if found.as_ref() == tags.next() {
                continue;
            }
            let start = u64::from(block) * BLOCK_U64;
            match wrong.last_mut().filter(|last| last.1 == start) {
                Some(last) => last.1 += BLOCK_U64,
                None => wrong.push((start, start + BLOCK_U64)),
            }
        }
    }
    wrong
}
