//! Writing the inner nodes of a manifest above its leaves.

use format::manifest::{NODE_FANOUT, encode_node, levels_for};
use format::segment::RecordKind;
use model::Digest;
use seal::Codec;

use crate::{RecordWriter, Result};

/// Writes the nodes above `leaves` (`None` where a range reads as zeroes) and gives the root and
/// the bytes added. A volume without any data still has a root.
pub async fn write_tree(
    writer: &mut RecordWriter,
    leaves: Vec<Option<Digest>>,
) -> Result<(Digest, u64)> {
    let levels = levels_for(leaves.len() as u64);
    let mut added = 0;
    let mut row = leaves;
    for level in 1..=levels {
        let mut above = Vec::with_capacity(row.len().div_ceil(NODE_FANOUT as usize));
        for children in row.chunks(NODE_FANOUT as usize) {
            let refs: Vec<Digest> = children.iter().flatten().copied().collect();
            if refs.is_empty() && level < levels {
                above.push(None);
                continue;
            }
            let present: Vec<bool> = children.iter().map(Option::is_some).collect();
            let payload = encode_node(level, &present);
            let put = writer.put(RecordKind::Node, &refs, &payload, Codec::Lz4).await?;
            added += put.stored_bytes;
            above.push(Some(put.digest));
        }
        row = above;
    }
    match row.first().copied().flatten() {
        Some(root) => Ok((root, added)),
        None => {
            let put =
                writer.put(RecordKind::Node, &[], &encode_node(levels, &[]), Codec::Raw).await?;
            Ok((put.digest, added + put.stored_bytes))
        }
    }
}
