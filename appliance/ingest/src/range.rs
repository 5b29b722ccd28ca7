//! One leaf range of a volume: cut, name, keep what is new, write the leaf.

use std::ops::Range;
use std::time::{Duration, Instant};

use format::manifest::{LEAF_BYTES, encode_leaf};
use format::segment::RecordKind;
use futures_util::future::join;
use model::{BLOCK, BLOCK_U64, Digest};
use record::{Leaf, RecordReader, RecordWriter, Result, Volume};
use seal::Codec;

use crate::claims::Claims;
use crate::codec::Pace;
use crate::layout::Layout;
use crate::naming::{Naming, NewChunk, Part};
use crate::parent::{ParentLeaf, Piece};
use crate::source::Source;

/// What one worker does its ranges with.
#[derive(Debug)]
pub(crate) struct Worker<'a> {
    pub(crate) source: &'a dyn Source,
    pub(crate) pace: &'a Pace,
    /// Shared by all workers of an ingest.
    pub(crate) claims: &'a Claims,
    pub(crate) writer: RecordWriter,
    pub(crate) reader: RecordReader,
    /// The same volume of the parent recovery point.
    pub(crate) parent: Option<Volume>,
    /// The range as it is now.
    pub(crate) bytes: Vec<u8>,
}

/// What came of one range. Amounts are in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Done {
    /// `None` when all of it reads as zeroes.
    pub(crate) leaf: Option<Digest>,
    pub(crate) data_bytes: u64,
    pub(crate) new_chunks: u64,
    pub(crate) new_bytes: u64,
    pub(crate) stored_bytes: u64,
}

impl Worker<'_> {
    /// Takes in the range with this number.
    pub(crate) async fn take(&mut self, leaf: u64) -> Result<Done> {
        let start = leaf * LEAF_BYTES;
        let end = (start + LEAF_BYTES).min(self.source.size());
        let began = Instant::now();
        let read = self.read(start..end)?;
        let waited = began.elapsed();
        let Some(length) = read else {
            self.pace.note(waited, Duration::ZERO);
            return Ok(Done::default());
        };
        let began = Instant::now();
        let bytes = std::mem::take(&mut self.bytes);
        let done = self.take_bytes(leaf, bytes.get(..length).unwrap_or_default()).await;
        self.bytes = bytes;
        self.pace.note(waited, began.elapsed());
        done
    }

    /// Reads the range into memory, filled up to whole blocks; `None` when it is one hole.
    fn read(&mut self, range: Range<u64>) -> Result<Option<usize>> {
        let source = self.source;
        let outside = |source_error| record::RecordError::Outside {
            name: source.name(),
            source: std::sync::Arc::new(source_error),
        };
        let mut data = source.data(range.clone()).map_err(outside)?;
        if data.is_none() {
            return Ok(None);
        }
        let length = (range.end - range.start) as usize;
        let padded = length.next_multiple_of(BLOCK);
        self.bytes.resize(LEAF_BYTES as usize, 0);
        let mut zero_from = range.start;
        while let Some(part) = data {
            let at = |offset: u64| (offset - range.start) as usize;
            if let Some(hole) = self.bytes.get_mut(at(zero_from)..at(part.start)) {
                hole.fill(0);
            }
            if let Some(room) = self.bytes.get_mut(at(part.start)..at(part.end)) {
                source.read(part.start, room).map_err(outside)?;
            }
            zero_from = part.end;
            data = match part.end < range.end {
                true => source.data(part.end..range.end).map_err(outside)?,
                false => None,
            };
        }
        let rest = (zero_from - range.start) as usize;
        if let Some(rest) = self.bytes.get_mut(rest..padded) {
            rest.fill(0);
        }
        Ok(Some(padded))
    }

    async fn take_bytes(&mut self, leaf: u64, bytes: &[u8]) -> Result<Done> {
        let codec = self.pace.codec();
        let access = self.reader.access().clone();
        let mut parent = self.parent_leaf(leaf).await;
        let mut naming = Naming::new(&access, bytes);
        let mut window = naming.window().await?;
        while let Some(new) = window {
            let compare = async {
                if let Some(parent) = &mut parent {
                    parent.compare(&mut self.reader, &new, bytes).await;
                }
            };
            // The reads are under way before the next window is named.
            window = join(compare, naming.window()).await.1?;
        }
        let data_bytes = u64::from(naming.data_blocks) * BLOCK_U64;
        let mut done = Done { data_bytes, ..Done::default() };
        let mut layout = Layout::default();
        for part in naming.parts {
            match part {
                Part::Hole { blocks } => layout.hole(blocks),
                Part::Known { digest, blocks } => layout.add(digest, 0, blocks),
                Part::New(chunk) => {
                    let parent = parent.as_ref();
                    self.keep(chunk, bytes, parent, codec, &mut layout, &mut done).await?;
                }
            }
        }
        if layout.refs.is_empty() {
            return Ok(Done::default());
        }
        let payload = encode_leaf(&layout.extents);
        let put = self.writer.put(RecordKind::Leaf, &layout.refs, &payload, Codec::Lz4).await?;
        done.stored_bytes += put.stored_bytes;
        done.leaf = Some(put.digest);
        Ok(done)
    }

    /// The parent's leaf of this range. One that cannot be read is as good as none.
    async fn parent_leaf(&mut self, leaf: u64) -> Option<ParentLeaf> {
        let parent = self.parent.as_mut().filter(|parent| leaf < parent.leaves())?;
        let digest = parent.leaf(&mut self.reader, leaf).await.ok()??;
        let leaf = Leaf::read(&mut self.reader, &digest).await.ok()?;
        Some(ParentLeaf::new(leaf))
    }

    /// Stores a chunk, or only what of it differs from the parent.
    async fn keep(
        &mut self,
        chunk: NewChunk,
        bytes: &[u8],
        parent: Option<&ParentLeaf>,
        codec: Codec,
        layout: &mut Layout,
        done: &mut Done,
    ) -> Result<()> {
        let Some(pieces) = parent.and_then(|parent| parent.pieces(chunk.at, chunk.blocks)) else {
            let plain = blocks_of(bytes, chunk.at, chunk.blocks);
            self.store(chunk.digest, plain, codec, done).await?;
            layout.add(chunk.digest, 0, chunk.blocks);
            return Ok(());
        };
        for piece in pieces {
            match piece {
                Piece::Old { digest, start, blocks } => {
                    layout.add(digest, start, u32::from(blocks));
                }
                Piece::New { at, blocks } => {
                    let plain = blocks_of(bytes, at, blocks);
                    let digest = self.reader.access().namer().name_data(plain);
                    self.store(digest, plain, codec, done).await?;
                    layout.add(digest, 0, blocks);
                }
            }
        }
        Ok(())
    }

    /// Stores a chunk unless it has come since it was looked for.
    async fn store(
        &mut self,
        digest: Digest,
        plain: &[u8],
        codec: Codec,
        done: &mut Done,
    ) -> Result<()> {
        let _claim = self.claims.claim(digest);
        if self.reader.access().store().contains(&digest).await? {
            return Ok(());
        }
        done.new_chunks += 1;
        done.new_bytes += plain.len() as u64;
        let stored = self.writer.put_new(RecordKind::Chunk, digest, &[], plain, codec).await?;
        done.stored_bytes += stored;
        Ok(())
    }
}

/// Some blocks of a range.
fn blocks_of(bytes: &[u8], at: u32, blocks: u32) -> &[u8] {
    let from = at as usize * BLOCK;
    bytes.get(from..from + blocks as usize * BLOCK).unwrap_or_default()
}
