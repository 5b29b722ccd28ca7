//! A volume of a recovery point: from the root of its manifest to its leaves.

use std::collections::HashMap;

use format::manifest::{LEAF_BYTES, NODE_FANOUT, decode_node, levels_for};
use format::segment::RecordKind;
use model::Digest;

use crate::{RecordError, RecordReader, Result};

/// Nodes kept in memory: each leads to 8 GiB or more.
const NODES_KEPT: usize = 256;

/// Finds the leaves of one volume.
#[derive(Debug, Clone)]
pub struct Volume {
    root: Digest,
    bytes: u64,
    nodes: HashMap<Digest, (u8, Vec<Option<Digest>>)>,
}

impl Volume {
    /// The volume of `bytes` bytes whose manifest has this root.
    pub fn new(root: Digest, bytes: u64) -> Self {
        Self { root, bytes, nodes: HashMap::new() }
    }

    /// Bytes of the volume.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many leaf ranges it has.
    pub fn leaves(&self) -> u64 {
        self.bytes.div_ceil(LEAF_BYTES)
    }

    /// The digest of a leaf; `None` when its whole range reads as zeroes.
    pub async fn leaf(&mut self, reader: &mut RecordReader, leaf: u64) -> Result<Option<Digest>> {
        let levels = levels_for(self.leaves());
        let mut digest = self.root;
        for level in (1..=levels).rev() {
            let below = u64::from(NODE_FANOUT).pow(u32::from(level) - 1);
            let child = (leaf / below % u64::from(NODE_FANOUT)) as usize;
            let children = self.children(reader, digest, level).await?;
            match children.get(child).copied().flatten() {
                Some(next) => digest = next,
                None => return Ok(None),
            }
        }
        Ok(Some(digest))
    }

    async fn children(
        &mut self,
        reader: &mut RecordReader,
        digest: Digest,
        level: u8,
    ) -> Result<&[Option<Digest>]> {
        if !self.nodes.contains_key(&digest) {
            let node = read_node(reader, digest).await?;
            if self.nodes.len() >= NODES_KEPT {
                self.nodes.clear();
            }
            self.nodes.insert(digest, node);
        }
        match self.nodes.get(&digest) {
            Some((found, children)) if *found == level => Ok(children),
            _ => Err(RecordError::Shape),
        }
    }
}

async fn read_node(reader: &mut RecordReader, digest: Digest) -> Result<(u8, Vec<Option<Digest>>)> {
    let record = reader.read(&digest, RecordKind::Node).await?;
    let (level, children) = decode_node(&record.plain, record.refs.len())
        .map_err(|source| RecordError::Format { digest, source })?;
    let digests = children
        .into_iter()
        .map(|child| child.and_then(|reference| record.refs.get(usize::from(reference)).copied()));
    Ok((level, digests.collect()))
}
