//! What damage has cost: which recovery points cannot be given back whole, and where.
//!
//! Each point's manifest is walked from its root to its leaves, and every chunk that a leaf names
//! is looked for; chunks themselves are not read. What is missing is told as ranges of volumes. A
//! leaf that was found whole once is not looked at again for the next point, up to a bound on
//! memory.

use std::collections::HashSet;
use std::sync::Arc;

use catalog::Point;
use format::manifest::LEAF_BYTES;
use model::{BLOCK_U64, Digest, PointId, WallTime};
use record::{Leaf, Progress, RecordError, RecordReader, Result, TenantAccess};

use crate::RestorePoint;

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
    pub missing: Vec<MissingRange>,
    /// There is more than `missing` says.
    pub more: bool,
}

/// Bytes of a volume that are lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingRange {
    /// Number of the volume.
    pub volume: usize,
    pub start: u64,
    pub bytes: u64,
}

/// Tells which of some recovery points name a record that is lost or not in the store.
///
/// # Errors
/// `Interrupted` when the progress was asked to stop.
pub async fn broken_points(
    access: &Arc<TenantAccess>,
    points: Vec<Point>,
    lost: &[Digest],
    progress: &Progress,
) -> Result<Vec<Broken>> {
    let mut survey = Survey {
        reader: RecordReader::new(access)?,
        lost: lost.iter().copied().collect(),
        whole: HashSet::new(),
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
    progress: &'a Progress,
}

impl Survey<'_> {
    async fn point(&mut self, access: &Arc<TenantAccess>, point: Point) -> Result<Option<Broken>> {
        let mut broken = Broken {
            point: point.id,
            created: point.created,
            system: None,
            missing: Vec::new(),
            more: false,
        };
        let Ok(opened) = RestorePoint::open(access, point).await else {
            return Ok(Some(broken));
        };
        broken.system = Some(opened.description.system.clone());
        for number in 0..opened.description.volumes.len() {
            self.volume(&opened, number, &mut broken).await?;
        }
        Ok((!broken.missing.is_empty()).then_some(broken))
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
                    broken.note(MissingRange { volume: number, start, bytes: end - start });
                    continue;
                }
            };
            let missing = self.leaf(&digest).await?;
            if missing.is_empty() {
                self.remember(digest);
            }
            for (from, to) in missing {
                let (from, to) = (start + from, end.min(start + to));
                broken.note(MissingRange {
                    volume: number,
                    start: from,
                    bytes: to.saturating_sub(from),
                });
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

    fn remember(&mut self, leaf: Digest) {
        if self.whole.len() >= WHOLE_LEAVES {
            self.whole.clear();
        }
        self.whole.insert(leaf);
    }
}

impl Broken {
    /// Adds a range behind those that are there, or to the last of them.
    fn note(&mut self, range: MissingRange) {
        let joins = |last: &&mut MissingRange| {
            last.volume == range.volume && last.start + last.bytes == range.start
        };
        if let Some(last) = self.missing.last_mut().filter(joins) {
            last.bytes += range.bytes;
        } else if self.missing.len() < MISSING_RANGES {
            self.missing.push(range);
        } else {
            self.more = true;
        }
    }
}
