//! One leaf range of a volume: cut, name, keep what is new, write the leaf.

use std::collections::HashMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use chunk::{Cut, cut};
use format::manifest::{Extent, HOLE, LEAF_BYTES, encode_leaf};
use format::segment::RecordKind;
use model::{BLOCK, BLOCK_U64, Digest};
use record::{Leaf, RecordReader, RecordWriter, Result, Volume};
use seal::Codec;

use crate::codec::Pace;
use crate::parent::{ParentLeaf, Piece};
use crate::source::Source;

/// What one worker does its ranges with.
#[derive(Debug)]
pub(crate) struct Worker<'a> {
    pub(crate) source: &'a dyn Source,
    pub(crate) pace: &'a Pace,
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

/// A chunk that the store does not have.
#[derive(Debug, Clone, Copy)]
struct NewChunk {
    at: u32,
    blocks: u32,
    digest: Digest,
}

/// What stands where, before it is turned into extents.
#[derive(Debug, Clone, Copy)]
enum Part {
    Hole { blocks: u32 },
    Known { digest: Digest, start: u16, blocks: u32 },
    New(NewChunk),
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
        let mut parent = self.parent_leaf(leaf).await;
        let (parts, mut done) = self.name_all(bytes).await?;
        if let Some(parent) = &mut parent {
            let new = parts.iter().filter_map(|part| match part {
                Part::New(chunk) => Some((chunk.at, chunk.blocks)),
                _ => None,
            });
            let compared: Vec<(u32, u32)> = new.collect();
            parent.compare(&mut self.reader, &compared, bytes).await;
        }
        let mut layout = Layout::default();
        for part in parts {
            match part {
                Part::Hole { blocks } => layout.hole(blocks),
                Part::Known { digest, start, blocks } => layout.add(digest, start, blocks),
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

    /// Cuts and names the range, and tells what of it the store has.
    async fn name_all(&mut self, bytes: &[u8]) -> Result<(Vec<Part>, Done)> {
        let access = self.reader.access().clone();
        let mut parts = Vec::with_capacity(512);
        let mut done = Done::default();
        let mut at = 0;
        for cut in cut(bytes, access.boundary()) {
            let blocks = cut.blocks();
            if let Cut::Data { .. } = cut {
                let from = at as usize * BLOCK;
                let plain = bytes.get(from..from + cut.bytes()).unwrap_or_default();
                let digest = access.namer().name_data(plain);
                let known = access.store().contains(&digest).await?;
                done.data_bytes += u64::from(blocks) * BLOCK_U64;
                parts.push(match known {
                    true => Part::Known { digest, start: 0, blocks },
                    false => Part::New(NewChunk { at, blocks, digest }),
                });
            } else {
                parts.push(Part::Hole { blocks });
            }
            at += blocks;
        }
        Ok((parts, done))
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
        let from = chunk.at as usize * BLOCK;
        let plain = bytes.get(from..from + chunk.blocks as usize * BLOCK).unwrap_or_default();
        let Some(pieces) = parent.and_then(|parent| parent.pieces(chunk.at, chunk.blocks)) else {
            // The same chunk may have come earlier in this range.
            if !self.reader.access().store().contains(&chunk.digest).await? {
                done.new_chunks += 1;
                done.new_bytes += plain.len() as u64;
                done.stored_bytes +=
                    self.writer.put_new(RecordKind::Chunk, chunk.digest, &[], plain, codec).await?;
            }
            layout.add(chunk.digest, 0, chunk.blocks);
            return Ok(());
        };
        for piece in pieces {
            match piece {
                Piece::Old { digest, start, blocks } => {
                    layout.add(digest, start, u32::from(blocks));
                }
                Piece::New { at, blocks } => {
                    let from = at as usize * BLOCK;
                    let plain = bytes.get(from..from + blocks as usize * BLOCK);
                    let plain = plain.unwrap_or_default();
                    let put = self.writer.put(RecordKind::Chunk, &[], plain, codec).await?;
                    done.new_chunks += u64::from(put.stored_bytes > 0);
                    done.new_bytes += if put.stored_bytes > 0 { plain.len() as u64 } else { 0 };
                    done.stored_bytes += put.stored_bytes;
                    layout.add(put.digest, 0, blocks);
                }
            }
        }
        Ok(())
    }
}

/// Extents in the making: each chunk is listed once, neighbours that continue each other are one.
#[derive(Debug, Default)]
struct Layout {
    extents: Vec<Extent>,
    refs: Vec<Digest>,
    numbers: HashMap<Digest, u16>,
}

impl Layout {
    fn hole(&mut self, blocks: u32) {
        self.push(HOLE, 0, blocks);
    }

    fn add(&mut self, digest: Digest, start: u16, blocks: u32) {
        let next = self.refs.len() as u16;
        let reference = *self.numbers.entry(digest).or_insert(next);
        if reference == next {
            self.refs.push(digest);
        }
        self.push(reference, start, blocks);
    }

    /// A range has at most 4096 blocks, so every count fits.
    fn push(&mut self, reference: u16, start: u16, blocks: u32) {
        let blocks = blocks as u16;
        if let Some(last) = self.extents.last_mut() {
            let continues = last.reference == reference
                && (reference == HOLE || last.start + last.blocks == start);
            if continues {
                last.blocks += blocks;
                return;
            }
        }
        self.extents.push(Extent { blocks, reference, start, reserved: 0 });
    }
}
