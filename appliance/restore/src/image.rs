//! A volume that is read here and there: what an export serves.
//!
//! A read is answered from opened chunks in memory where it can be. What is missing of one read is
//! fetched in one batch; when reads follow each other, the chunks behind are fetched along.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use format::manifest::{Extent, LEAF_BLOCKS, LEAF_BYTES};
use format::segment::RecordKind;
use model::{BLOCK, BLOCK_U64, Digest};
use record::{Leaf, RecordError, RecordReader, Result, TenantAccess, Volume};
use store::Lease;
use tokio::sync::OnceCell;

use crate::RestorePoint;
use crate::fetching::{Chunks, Claim, Fetch, Found, Plain};

/// Bytes of leaves kept in memory. One maps 16 MiB and takes about 15 KiB, so these map 16 GiB; one
/// of the most pieces possible takes 180 KiB.
const LEAVES_BYTES: usize = 16 << 20;

/// What a leaf takes besides its lists.
const LEAF_OVERHEAD: usize = 128;

/// Plain bytes that are fetched along when reads follow each other.
const AHEAD_BLOCKS: u32 = 256;

/// A part of the volume, in bytes: a hole or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageExtent {
    pub length: u64,
    pub hole: bool,
}

/// A volume of a recovery point, for many readers at once.
#[derive(Debug)]
pub struct VolumeImage {
    access: Arc<TenantAccess>,
    root: Volume,
    bytes: u64,
    leaves: Mutex<Leaves>,
    chunks: Chunks,
    /// Readers that nobody uses now.
    readers: Mutex<Vec<(RecordReader, Volume)>>,
    /// Where the read before ended: a read that begins there follows it.
    last_end: Mutex<u64>,
    /// Nothing of the point is taken away while it is served.
    _lease: Arc<Lease>,
}

/// Leaves by number, and the memory of those that were read.
#[derive(Debug, Default)]
struct Leaves {
    map: HashMap<u64, Arc<LeafCell>>,
    bytes: usize,
}

impl Leaves {
    /// Notes that a leaf of this size was read; drops all others when they have become too large.
    fn note(&mut self, number: u64, bytes: usize) {
        self.bytes += bytes;
        if self.bytes > LEAVES_BYTES {
            self.map.retain(|kept, _| *kept == number);
            self.bytes = bytes;
        }
    }
}

/// A leaf, once the first who needs it has read it; `None` in it where all reads as zeroes.
type LeafCell = OnceCell<Option<Arc<LeafMap>>>;

/// A leaf with the first block of each extent.
#[derive(Debug)]
struct LeafMap {
    leaf: Leaf,
    starts: Vec<u32>,
}

impl LeafMap {
    /// Bytes of memory, about.
    fn bytes(&self) -> usize {
        size_of_val(self.starts.as_slice())
            + size_of_val(self.leaf.extents.as_slice())
            + size_of_val(self.leaf.refs.as_slice())
    }

    /// Extents that touch a range of blocks, with the block where each begins.
    fn touching(&self, from: u32, to: u32) -> impl Iterator<Item = (u32, &Extent)> {
        let first = self.starts.partition_point(|start| *start <= from).saturating_sub(1);
        let all = self.starts.iter().copied().zip(&self.leaf.extents).skip(first);
        all.take_while(move |(start, _)| *start < to)
            .filter(move |(start, extent)| start + u32::from(extent.blocks) > from)
    }
}

impl VolumeImage {
    /// An image of the volume with this number that keeps up to `cache_bytes` of opened chunks;
    /// `None` when the point has fewer.
    pub fn new(point: &RestorePoint, number: usize, cache_bytes: usize) -> Option<Self> {
        let volume = point.volume(number)?;
        Some(Self {
            access: point.access().clone(),
            bytes: volume.bytes(),
            root: volume,
            leaves: Mutex::default(),
            chunks: Chunks::new(cache_bytes),
            readers: Mutex::default(),
            last_end: Mutex::new(u64::MAX),
            _lease: point.lease().clone(),
        })
    }

    /// Bytes of the volume.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Fills `buffer` from `offset`; the range must lie inside the volume.
    pub async fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let follows = {
            let end = offset + buffer.len() as u64;
            std::mem::replace(&mut *lock(&self.last_end), end) == offset
        };
        let mut at = offset;
        let mut rest = buffer;
        while !rest.is_empty() {
            let number = at / LEAF_BYTES;
            let in_leaf = at % LEAF_BYTES;
            let take = rest.len().min((LEAF_BYTES - in_leaf) as usize);
            let (now, later) = rest.split_at_mut(take);
            match self.leaf(number).await? {
                Some(leaf) => self.read_leaf(&leaf, in_leaf, now, follows).await?,
                None => now.fill(0),
            }
            at += take as u64;
            rest = later;
        }
        Ok(())
    }

    /// What lies at `offset`, and how far it is alike, up to `length` bytes.
    pub async fn extent(&self, offset: u64, length: u64) -> Result<ImageExtent> {
        let end = (offset + length).min(self.bytes);
        let mut at = offset;
        let mut hole = None;
        while at < end {
            let (part, is_hole) = self.extent_in_leaf(at).await?;
            if hole.is_some_and(|hole| hole != is_hole) {
                break;
            }
            hole = Some(is_hole);
            at += part;
        }
        Ok(ImageExtent { length: at.min(end) - offset, hole: hole.unwrap_or(true) })
    }

    async fn extent_in_leaf(&self, at: u64) -> Result<(u64, bool)> {
        let in_leaf = at % LEAF_BYTES;
        let Some(leaf) = self.leaf(at / LEAF_BYTES).await? else {
            return Ok((LEAF_BYTES - in_leaf, true));
        };
        let block = (in_leaf / BLOCK_U64) as u32;
        let found = leaf.touching(block, block + 1).next();
        Ok(match found {
            Some((start, extent)) => {
                let end = u64::from(start + u32::from(extent.blocks)) * BLOCK_U64;
                (end - in_leaf, leaf.leaf.chunk(extent).is_none())
            }
            None => (LEAF_BYTES - in_leaf, true),
        })
    }

    async fn read_leaf(
        &self,
        leaf: &LeafMap,
        start: u64,
        buffer: &mut [u8],
        follows: bool,
    ) -> Result<()> {
        let end = start + buffer.len() as u64;
        let from = (start / BLOCK_U64) as u32;
        let to = end.div_ceil(BLOCK_U64) as u32;
        let found = self.chunks_for(leaf, from, to, follows).await?;
        let mut filled = start;
        for (first, extent) in leaf.touching(from, to) {
            let extent_start = u64::from(first) * BLOCK_U64;
            let extent_end = extent_start + u64::from(extent.blocks) * BLOCK_U64;
            let (a, b) = (extent_start.max(start), extent_end.min(end));
            let room = buffer.get_mut((a - start) as usize..(b - start) as usize);
            let room = room.unwrap_or_default();
            match leaf.leaf.chunk(extent) {
                None => room.fill(0),
                Some(digest) => {
                    let plain = found.get(digest).ok_or(RecordError::Shape)?;
                    let skip = usize::from(extent.start) * BLOCK + (a - extent_start) as usize;
                    let bytes = plain.get(skip..skip + room.len());
                    room.copy_from_slice(bytes.ok_or(RecordError::Short { digest: *digest })?);
                }
            }
            filled = b;
        }
        if let Some(rest) = buffer.get_mut((filled - start) as usize..) {
            rest.fill(0);
        }
        Ok(())
    }

    /// The opened chunks of a range of blocks, from memory or from the store.
    async fn chunks_for(&self, leaf: &LeafMap, from: u32, to: u32, follows: bool) -> Result<Found> {
        let digests = |from, to| {
            let chunks = leaf.touching(from, to).filter_map(|(_, extent)| leaf.leaf.chunk(extent));
            chunks.copied().collect::<Vec<Digest>>()
        };
        let ahead = || match follows {
            true => digests(to, (to + AHEAD_BLOCKS).min(LEAF_BLOCKS)),
            false => Vec::new(),
        };
        self.chunks.gather(&digests(from, to), ahead, self).await
    }

    async fn leaf(&self, number: u64) -> Result<Option<Arc<LeafMap>>> {
        let leaf = lock(&self.leaves).map.entry(number).or_default().clone();
        leaf.get_or_try_init(|| self.read_leaf_map(number)).await.cloned()
    }

    async fn read_leaf_map(&self, number: u64) -> Result<Option<Arc<LeafMap>>> {
        let (mut reader, mut volume) = self.reader()?;
        let leaf = match volume.leaf(&mut reader, number).await? {
            Some(digest) => {
                let leaf = Leaf::read(&mut reader, &digest).await?;
                let starts = leaf.placed().map(|(start, _)| start).collect();
                Some(Arc::new(LeafMap { leaf, starts }))
            }
            None => None,
        };
        lock(&self.readers).push((reader, volume));
        let bytes = LEAF_OVERHEAD + leaf.as_ref().map_or(0, |leaf| leaf.bytes());
        lock(&self.leaves).note(number, bytes);
        Ok(leaf)
    }

    fn reader(&self) -> Result<(RecordReader, Volume)> {
        if let Some(idle) = lock(&self.readers).pop() {
            return Ok(idle);
        }
        Ok((RecordReader::new(&self.access)?, self.root.clone()))
    }
}

impl Fetch for VolumeImage {
    type Error = RecordError;

    async fn fetch(&self, mut claim: Claim<'_>, found: &mut Found) -> Result<()> {
        let missing = claim.digests().to_vec();
        let (mut reader, volume) = self.reader()?;
        let outcome = reader
            .read_batch(&missing, RecordKind::Chunk, |number, _, plain| {
                let Some(digest) = missing.get(number) else { return };
                let opened: Plain = Arc::new(std::mem::take(plain));
                // Memory that has been in use needs no fresh pages.
                *plain = claim.deliver(number, &opened).unwrap_or_default();
                found.insert(*digest, opened);
            })
            .await;
        lock(&self.readers).push((reader, volume));
        outcome
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_in_memory_are_bounded_by_their_bytes() {
        let mut leaves = Leaves::default();
        let size = 180 << 10;
        for number in 0..1000 {
            leaves.map.entry(number).or_default();
            leaves.note(number, size);
            assert!(leaves.map.len() * size <= LEAVES_BYTES, "{number}");
            assert!(leaves.map.contains_key(&number), "what was just read stays");
            assert_eq!(leaves.bytes, leaves.map.len() * size);
        }
    }
}
