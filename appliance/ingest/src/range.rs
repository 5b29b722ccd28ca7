//! One leaf range of a volume: cut, name, keep what is new, write the leaf.

use std::ops::Range;
use std::time::{Duration, Instant};

use format::manifest::{LEAF_BYTES, encode_leaf};
use format::segment::RecordKind;
use model::{BLOCK, BLOCK_U64, BlockTag, Digest};
use record::{Leaf, RecordReader, RecordWriter, Result, Volume};
use seal::Codec;

use crate::changes::Changes;
use crate::claims::Claims;
use crate::codec::Pace;
use crate::layout::Layout;
use crate::naming::{NewChunk, Part, name_range};
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
    /// That differ from the parent.
    pub(crate) changed_bytes: u64,
    /// Of these, in chunks that did not shrink.
    pub(crate) dense_bytes: u64,
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
            let gone = self.parent_leaf(leaf).await.map_or(0, |parent| parent.data_blocks());
            return Ok(Done { changed_bytes: gone * BLOCK_U64, ..Done::default() });
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
        let parent = self.parent_leaf(leaf).await;
        let named = name_range(self.reader.access(), bytes).await?;
        let changes = Changes::new(&named, parent.as_ref());
        let data_bytes = u64::from(named.data_blocks) * BLOCK_U64;
        let mut done = Done { data_bytes, changed_bytes: changes.bytes(), ..Done::default() };
        let mut layout = Layout::default();
        let mut at = 0;
        for part in &named.parts {
            match *part {
                Part::Hole { blocks } => layout.hole(blocks),
                Part::Known { digest, blocks, stored } => {
                    done.dense_bytes += changes.dense_in(at, blocks, stored);
                    layout.add(digest, 0, blocks);
                }
                Part::New(chunk) => {
                    let pieces = self.pieces(&chunk, parent.as_ref(), &named.tags).await?;
                    let range = Fresh { bytes, changes: &changes, codec };
                    self.keep(&chunk, &range, pieces, &mut layout, &mut done).await?;
                }
            }
            at += part.blocks();
        }
        if layout.refs.is_empty() {
            return Ok(done);
        }
        let refs = std::mem::take(&mut layout.refs);
        let payload = encode_leaf(&layout.rows(&named.tags));
        let put = self.writer.put(RecordKind::Leaf, &refs, &payload, Codec::Lz4).await?;
        done.stored_bytes += put.stored_bytes;
        done.leaf = Some(put.digest);
        Ok(done)
    }

    /// The parent's leaf of this range. One that cannot be read is as good as none.
    async fn parent_leaf(&mut self, leaf: u64) -> Option<ParentLeaf> {
        let parent = self.parent.as_mut().filter(|parent| leaf < parent.leaves())?;
        let digest = parent.leaf(&mut self.reader, leaf).await.ok()??;
        let (leaf, tags) = Leaf::read_tagged(&mut self.reader, &digest).await.ok()?;
        Some(ParentLeaf::new(leaf, tags))
    }

    /// The pieces that make a new chunk out of what the parent has there, if that is worth it and
    /// the store still has all of them: a chunk that was found damaged is no longer there, and is
    /// stored anew.
    async fn pieces(
        &self,
        chunk: &NewChunk,
        parent: Option<&ParentLeaf>,
        tags: &[BlockTag],
    ) -> Result<Option<Vec<Piece>>> {
        let from = chunk.at as usize;
        let tags = tags.get(from..from + chunk.blocks as usize).unwrap_or_default();
        let Some(pieces) = parent.and_then(|parent| parent.pieces(chunk.at, tags)) else {
            return Ok(None);
        };
        for piece in &pieces {
            if let Piece::Old { digest, .. } = piece
                && !self.reader.access().store().contains(digest).await?
            {
                return Ok(None);
            }
        }
        Ok(Some(pieces))
    }

    /// Stores a chunk, or those of its pieces that are new.
    async fn keep(
        &mut self,
        chunk: &NewChunk,
        range: &Fresh<'_>,
        pieces: Option<Vec<Piece>>,
        layout: &mut Layout,
        done: &mut Done,
    ) -> Result<()> {
        let Some(pieces) = pieces else {
            self.store(chunk, range, done).await?;
            layout.add(chunk.digest, 0, chunk.blocks);
            return Ok(());
        };
        for piece in pieces {
            match piece {
                Piece::Old { digest, start, blocks } => {
                    layout.add(digest, start, u32::from(blocks));
                }
                Piece::New { at, blocks } => {
                    let plain = blocks_of(range.bytes, at, blocks);
                    let digest = self.reader.access().namer().name_data(plain);
                    self.store(&NewChunk { at, blocks, digest }, range, done).await?;
                    layout.add(digest, 0, blocks);
                }
            }
        }
        Ok(())
    }

    /// Stores a chunk unless it has come since it was looked for.
    async fn store(&mut self, chunk: &NewChunk, range: &Fresh<'_>, done: &mut Done) -> Result<()> {
        let NewChunk { at, blocks, digest } = *chunk;
        let _claim = self.claims.claim(digest);
        if let Some(stored) = self.reader.access().store().stored_length(&digest).await? {
            done.dense_bytes += range.changes.dense_in(at, blocks, stored);
            return Ok(());
        }
        let plain = blocks_of(range.bytes, at, blocks);
        done.new_chunks += 1;
        done.new_bytes += plain.len() as u64;
        let put = self.writer.put_new(RecordKind::Chunk, digest, &[], plain, range.codec);
        let stored = put.await?;
        done.stored_bytes += stored;
        done.dense_bytes += range.changes.dense_in(at, blocks, stored);
        Ok(())
    }
}

/// A range that is being kept.
struct Fresh<'a> {
    bytes: &'a [u8],
    changes: &'a Changes,
    codec: Codec,
}

/// Some blocks of a range.
fn blocks_of(bytes: &[u8], at: u32, blocks: u32) -> &[u8] {
    let from = at as usize * BLOCK;
    bytes.get(from..from + blocks as usize * BLOCK).unwrap_or_default()
}
