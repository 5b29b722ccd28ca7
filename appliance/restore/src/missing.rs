//! What damage has cost: which recovery points cannot be given back whole, and where.
//!
//! Each point's manifest is walked from its root to its leaves, and every chunk that a leaf names
//! is looked for; chunks themselves are read only to compare their blocks with the leaf's tags, if
//! that is wanted. What is missing is told as ranges of volumes. A leaf that was found whole once
//! is not looked at again for the next point, up to a bound on memory.

mod streams;

use std::collections::HashSet;
use std::sync::Arc;

use catalog::Point;
use format::manifest::LEAF_BYTES;
use model::{BLOCK_U64, Digest, PointId, WallTime};
use record::{Leaf, Progress, RecordError, RecordReader, Result, TenantAccess};

use crate::RestorePoint;
use crate::tags::mistagged;

/// Leaves that are remembered to be whole: 40 MiB, and the leaves of 8 TiB.
const WHOLE_LEAVES: usize = 1 << 19;

/// Most ranges that are told of one recovery point.
pub const MISSING_RANGES: usize = 64;

/// A recovery point that cannot be given back whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    pub point: PointId,
    /// When its source was read.
    pub created: WallTime,
    /// The name of its system; `None` when its own record is lost, and with it all of it.
    pub system: Option<String>,
    /// What is missing, at most [`MISSING_RANGES`], in order.
    pub missing: Vec<VolumeRange>,
    /// Blocks that are there and have other tags than the leaf says, told in the same way: the next
    /// ingest would not know them again.
    pub mistagged: Vec<VolumeRange>,
    /// There is more than these say.
    pub more: bool,
}

/// Bytes of a volume or stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeRange {
    /// Number of the volume or stream.
    pub volume: usize,
    pub start: u64,
    pub bytes: u64,
}

/// What to look at besides whether all records are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    Records,
    /// The tags of all blocks too: reads all data.
    Tags,
}

/// Tells which of some recovery points name a record that is lost or not in the store, or have
/// wrong tags.
///
/// # Errors
/// `Interrupted` when the progress was asked to stop.
pub async fn broken_points(
    access: &Arc<TenantAccess>,
    points: Vec<Point>,
    lost: &[Digest],
    depth: Depth,
    progress: &Progress,
) -> Result<Vec<Broken>> {
    let mut survey = Survey {
        reader: RecordReader::new(access)?,
        lost: lost.iter().copied().collect(),
        whole: HashSet::new(),
        range: match depth {
            Depth::Records => Vec::new(),
            Depth::Tags => vec![0; LEAF_BYTES as usize],
        },
        progress,
    };
    let mut broken = Vec::new();
    for point in points {
        broken.extend(survey.point(access, point).await?);
    }
    Ok(broken)
}

struct Survey<'a> {
    reader: RecordReader,
    lost: HashSet<Digest>,
    whole: HashSet<Digest>,
    /// Room for a leaf's range, if its tags are looked at.
    range: Vec<u8>,
    progress: &'a Progress,
}

impl Survey<'_> {
    async fn point(&mut self, access: &Arc<TenantAccess>, point: Point) -> Result<Option<Broken>> {
        let mut broken = Broken {
            point: point.id,
            created: point.created,
            system: None,
            missing: Vec::new(),
            mistagged: Vec::new(),
            more: false,
        };
        let Ok(opened) = RestorePoint::open(access, point).await else {
            return Ok(Some(broken));
        };
        broken.system = Some(opened.description.system.clone());
        for number in 0..opened.description.volumes.len() {
            match opened.stream(number) {
                Some(stream) => self.stream(&stream, number, &mut broken).await?,
                None => self.volume(&opened, number, &mut broken).await?,
            }
        }
        Ok((!broken.missing.is_empty() || !broken.mistagged.is_empty()).then_some(broken))
    }

    async fn volume(
        &mut self,
        point: &RestorePoint,
        number: usize,
        broken: &mut Broken,
    ) -> Result<()> {
        let Some(mut volume) = point.volume(number) else { return Ok(()) };
        for leaf in 0..volume.leaves() {
            if self.progress.stopped() {
                return Err(RecordError::Interrupted);
            }
            let start = leaf * LEAF_BYTES;
            let end = volume.bytes().min(start + LEAF_BYTES);
            let digest = match volume.leaf(&mut self.reader, leaf).await {
                Ok(Some(digest)) if !self.whole.contains(&digest) => digest,
                Ok(_) => continue,
                Err(_) => {
                    let gone = VolumeRange { volume: number, start, bytes: end - start };
                    broken.more |= !note(&mut broken.missing, gone);
                    continue;
                }
            };
            let missing = self.leaf(&digest).await?;
            let mistagged = match missing.is_empty() && !self.range.is_empty() {
                true => mistagged(&mut self.reader, &digest, &mut self.range).await,
                false => Vec::new(),
            };
            if missing.is_empty() && mistagged.is_empty() {
                self.remember(digest);
            }
            let range = |(from, to): (u64, u64)| {
                let (from, to) = (start + from, end.min(start + to));
                VolumeRange { volume: number, start: from, bytes: to.saturating_sub(from) }
            };
            for gone in missing.into_iter().map(range) {
                broken.more |= !note(&mut broken.missing, gone);
            }
            for wrong in mistagged.into_iter().map(range) {
                broken.more |= !note(&mut broken.mistagged, wrong);
            }
            if broken.more {
                return Ok(());
            }
        }
        Ok(())
    }

    /// What of a leaf's range is missing: bytes from its start, in order.
    async fn leaf(&mut self, digest: &Digest) -> Result<Vec<(u64, u64)>> {
        let Ok(leaf) = Leaf::read(&mut self.reader, digest).await else {
            return Ok(vec![(0, LEAF_BYTES)]);
        };
        let mut gone = HashSet::new();
        for chunk in &leaf.refs {
            if self.lost.contains(chunk) || !self.reader.access().store().contains(chunk).await? {
                gone.insert(*chunk);
            }
        }
        let lost = leaf
            .placed()
            .filter(|(_, extent)| leaf.chunk(extent).is_some_and(|chunk| gone.contains(chunk)));
        let bytes = |(at, extent): (u32, &format::manifest::Extent)| {
            let start = u64::from(at) * BLOCK_U64;
            (start, start + u64::from(extent.blocks) * BLOCK_U64)
        };
        Ok(lost.map(bytes).collect())
    }

    pub(super) fn remember(&mut self, leaf: Digest) {
        if self.whole.len() >= WHOLE_LEAVES {
            self.whole.clear();
        }
        self.whole.insert(leaf);
    }
}

/// Adds a range behind those that are there, or to the last of them; false when there is no room.
fn note(ranges: &mut Vec<VolumeRange>, range: VolumeRange) -> bool {
    let joins = |last: &&mut VolumeRange| {
        last.volume == range.volume && last.start + last.bytes == range.start
    };
    if let Some(last) = ranges.last_mut().filter(joins) {
        last.bytes += range.bytes;
        return true;
    }
    let fits = ranges.len() < MISSING_RANGES;
    if fits {
        ranges.push(range);
    }
    fits
}
