//! A stream of a recovery point: from the root of its manifest to its chunks, in order.

use format::manifest::decode_node;
use format::segment::RecordKind;
use format::stream::decode_stream_leaf;
use model::Digest;

use crate::{RecordError, RecordReader, Result};

/// A stream, known by its root.
#[derive(Debug, Clone)]
pub struct Stream {
    root: Digest,
    bytes: u64,
}

/// Finds the leaves of a stream, one after the other.
#[derive(Debug)]
pub struct StreamLeaves {
    root: Option<Digest>,
    /// Nodes from the root down: the level of each, and those of its children that are to come.
    path: Vec<(u8, std::vec::IntoIter<Digest>)>,
}

/// Chunks of a stream that follow each other, with the bytes of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamLeaf {
    pub chunks: Vec<(Digest, u32)>,
}

impl Stream {
    /// The stream of `bytes` bytes whose manifest has this root.
    pub fn new(root: Digest, bytes: u64) -> Self {
        Self { root, bytes }
    }

    /// Bytes of the stream.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Its leaves from the first on.
    pub fn leaves(&self) -> StreamLeaves {
        StreamLeaves { root: Some(self.root), path: Vec::new() }
    }
}

impl StreamLeaves {
    /// The digest of the next leaf; `None` behind the last.
    ///
    /// # Errors
    /// What stands in the way of reading a node. Nobody knows then what follows.
    pub async fn next(&mut self, reader: &mut RecordReader) -> Result<Option<Digest>> {
        if let Some(root) = self.root.take() {
            let node = read_node(reader, root).await?;
            self.path.push(node);
        }
        while let Some((level, children)) = self.path.last_mut() {
            let level = *level;
            let Some(child) = children.next() else {
                self.path.pop();
                continue;
            };
            if level == 1 {
                return Ok(Some(child));
            }
            let node = read_node(reader, child).await?;
            if node.0 + 1 != level {
                return Err(RecordError::Shape);
            }
            self.path.push(node);
        }
        Ok(None)
    }
}

impl StreamLeaf {
    /// Reads a leaf.
    pub async fn read(reader: &mut RecordReader, digest: &Digest) -> Result<Self> {
        let record = reader.read(digest, RecordKind::Leaf).await?;
        let lengths = decode_stream_leaf(&record.plain, record.refs.len())
            .map_err(|source| RecordError::Format { digest: *digest, source })?;
        Ok(Self { chunks: record.refs.into_iter().zip(lengths).collect() })
    }

    /// Bytes of all its chunks.
    pub fn bytes(&self) -> u64 {
        self.chunks.iter().map(|(_, length)| u64::from(*length)).sum()
    }
}

/// The level of a node and its children, all of which exist.
async fn read_node(
    reader: &mut RecordReader,
    digest: Digest,
) -> Result<(u8, std::vec::IntoIter<Digest>)> {
    let record = reader.read(&digest, RecordKind::Node).await?;
    let (level, children) = decode_node(&record.plain, record.refs.len())
        .map_err(|source| RecordError::Format { digest, source })?;
    match children.len() == record.refs.len() {
        true => Ok((level, record.refs.into_iter())),
        false => Err(RecordError::Shape),
    }
}
