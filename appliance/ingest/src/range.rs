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
use crate::hint::Hint;
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
    /// What is said to have changed since then.
    pub(crate) hint: Option<&'a Hint>,
    /// The range as it is now.
    pub(crate) bytes: Vec<u8>,
}

/// What the parent has in a range.
enum Before {
    Hole,
    Leaf(Digest, ParentLeaf),
    /// There is no parent there, or it cannot be read.
    Unknown,
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
    /// That came from the source; not its zeroes, where all of it was read.
    pub(crate) read_bytes: u64,
    /// That differ from the parent and are said not to.
    pub(crate) denied_bytes: u64,
}

impl Worker<'_> {
    /// Takes in the range with this number.
    pub(crate) async fn take(&mut self, leaf: u64) -> Result<Done> {
        let start = leaf * LEAF_BYTES;
        let range = start..(start + LEAF_BYTES).min(self.source.size());
        if let Some(hint) = self.hint.filter(|hint| !hint.rechecks(leaf))
            && let Some(done) = self.take_changed(leaf, &range, hint).await?
        {
            return Ok(done);
        }
        let began = Instant::now();
        let read = self.read(range.clone())?;
        let waited = began.elapsed();
        let Some(length) = read else {
            self.pace.note(waited, Duration::ZERO);
            let gone = match self.before(leaf).await {
                Before::Leaf(_, parent) => parent.data_blocks() * BLOCK_U64,
                Before::Hole | Before::Unknown => 0,
            };
            let denied = self.hint.is_some_and(|hint| hint.dirty.within(range).next().is_none());
            let denied_bytes = if denied { gone } else { 0 };
            return Ok(Done { changed_bytes: gone, denied_bytes, ..Done::default() });
        };
        let began = Instant::now();
        let bytes = std::mem::take(&mut self.bytes);
        let done = self.take_bytes(leaf, bytes.get(..length).unwrap_or_default()).await;
        self.bytes = bytes;
        self.pace.note(waited, began.elapsed());
        done
    }

    /// Takes in a range of which only what is said to have changed is read; the rest is as the
    /// parent has it. `None` when that cannot be read: then the source has to tell all of it.
    async fn take_changed(
        &mut self,
        leaf: u64,
        range: &Range<u64>,
        hint: &Hint,
    ) -> Result<Option<Done>> {
        let dirty: Vec<Range<u64>> = hint.dirty.within(range.clone()).collect();
        let length = range.end - range.start;
        let read_bytes = dirty.iter().map(|dirty| dirty.end - dirty.start).sum();
        let parent = match self.before(leaf).await {
            Before::Unknown => return Ok(None),
            Before::Hole if dirty.is_empty() => {
                return Ok(Some(Done::default()));
            }
            Before::Hole => None,
            Before::Leaf(digest, parent) if dirty.is_empty() => {
                let data_bytes = parent.data_blocks() * BLOCK_U64;
                let done = Done { leaf: Some(digest), data_bytes, ..Done::default() };
                return Ok(self.has_all(&parent).await?.then_some(done));
            }
            Before::Leaf(_, parent) => Some(parent),
        };
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        bytes.resize((length as usize).next_multiple_of(BLOCK), 0);
        let filled = match &parent {
            Some(parent) => self.fill(parent, &mut bytes).await,
            None => true,
        };
        let taken = match filled {
            true => {
                self.read_parts(range.start, &dirty, &mut bytes)?;
                let done = self.take_bytes(leaf, &bytes).await?;
                Some(Done { read_bytes, ..done })
            }
            false => None,
        };
        self.bytes = bytes;
        Ok(taken)
    }

    /// Reads parts of a range that begins at `start`.
    fn read_parts(&self, start: u64, parts: &[Range<u64>], bytes: &mut [u8]) -> Result<()> {
        for part in parts {
            let place = (part.start - start) as usize..(part.end - start) as usize;
            if let Some(room) = bytes.get_mut(place) {
                self.source.read(part.start, room).map_err(|error| outside(self.source, error))?;
            }
        }
        Ok(())
    }

    /// Whether the store still has all chunks of a leaf: one that was found damaged is no longer
    /// there, and is to be had from the source.
    async fn has_all(&self, parent: &ParentLeaf) -> Result<bool> {
        for digest in parent.chunks() {
            if !self.reader.access().store().contains(digest).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Fills the range with what the parent has there; whether all of it can be read.
    async fn fill(&mut self, parent: &ParentLeaf, bytes: &mut [u8]) -> bool {
        let mut missing = parent.uses();
        let chunks = parent.chunks();
        let read = self.reader.read_batch(chunks, RecordKind::Chunk, |number, _, plain| {
            let Some(uses) = missing.get_mut(number) else { return };
            uses.retain(|used| {
                let old = blocks_of(plain, used.start.into(), used.blocks.into());
                let from = used.at as usize * BLOCK;
                match bytes.get_mut(from..from + old.len()) {
                    Some(room) if !old.is_empty() => {
                        room.copy_from_slice(old);
                        false
                    }
                    _ => true,
                }
            });
        });
        read.await.is_ok() && missing.iter().all(Vec::is_empty)
    }

    /// Reads the range into memory, filled up to whole blocks; `None` when it is one hole.
    fn read(&mut self, range: Range<u64>) -> Result<Option<usize>> {
        let source = self.source;
        let mut data = source.data(range.clone()).map_err(|error| outside(source, error))?;
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
                source.read(part.start, room).map_err(|error| outside(source, error))?;
            }
            zero_from = part.end;
            data = match part.end < range.end {
                true => {
                    let rest = part.end..range.end;
                    source.data(rest).map_err(|error| outside(source, error))?
                }
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
        let before = self.before(leaf).await;
        let is_known = !matches!(before, Before::Unknown);
        let parent = match before {
            Before::Leaf(_, parent) => Some(parent),
            Before::Hole | Before::Unknown => None,
        };
        let named = name_range(self.reader.access(), bytes).await?;
        let changes = Changes::new(&named, parent.as_ref());
        let data_bytes = u64::from(named.data_blocks) * BLOCK_U64;
        let denied_bytes = match self.hint.filter(|_| is_known) {
            Some(hint) => denied(&changes, hint, leaf, bytes.len()),
            None => 0,
        };
        let changed_bytes = changes.bytes();
        let read_bytes = data_bytes;
        let mut done =
            Done { data_bytes, read_bytes, changed_bytes, denied_bytes, ..Done::default() };
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

    /// What the parent has in this range.
    async fn before(&mut self, leaf: u64) -> Before {
        let parent = self.parent.as_mut().filter(|parent| leaf < parent.leaves());
        let Some(parent) = parent else { return Before::Unknown };
        let digest = match parent.leaf(&mut self.reader, leaf).await {
            Ok(Some(digest)) => digest,
            Ok(None) => return Before::Hole,
            Err(_) => return Before::Unknown,
        };
        match Leaf::read_tagged(&mut self.reader, &digest).await {
            Ok((leaf, tags)) => Before::Leaf(digest, ParentLeaf::new(leaf, tags)),
            Err(_) => Before::Unknown,
        }
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

/// Bytes of a range that differ from the parent although it is said that they do not.
fn denied(changes: &Changes, hint: &Hint, leaf: u64, length: usize) -> u64 {
    let start = leaf * LEAF_BYTES;
    let dirty = hint.dirty.within(start..start + length as u64);
    let (mut admitted, mut from) = (0, 0);
    for part in dirty {
        // A block of which any byte is said to have changed may differ.
        let first = ((part.start - start) / BLOCK_U64).max(from);
        let end = (part.end - start).div_ceil(BLOCK_U64);
        admitted += changes.bytes_in(first as u32, end.saturating_sub(first) as u32);
        from = end;
    }
    changes.bytes() - admitted
}

fn outside(source: &dyn Source, error: std::io::Error) -> record::RecordError {
    record::RecordError::Outside { name: source.name(), source: std::sync::Arc::new(error) }
}

/// Some blocks of a range.
fn blocks_of(bytes: &[u8], at: u32, blocks: u32) -> &[u8] {
    let from = at as usize * BLOCK;
    bytes.get(from..from + blocks as usize * BLOCK).unwrap_or_default()
}
