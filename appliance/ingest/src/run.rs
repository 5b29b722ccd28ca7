//! A whole ingest: workers over the ranges of a volume, then the manifest above them, the point
//! and its event in one commit.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use catalog::{Catalog, Point, Uptime};
use format::manifest::LEAF_BYTES;
use futures_executor::block_on;
use model::{Consistency, Digest, PointId, SystemId, WallTime};
use record::{
    Progress, RecordError, RecordReader, RecordWriter, Result, SignalDescription, TenantAccess,
    Volume, VolumeContent, write_tree,
};
use store::StoreError;

use crate::before::leased;
use crate::claims::Claims;
use crate::codec::{Compression, Pace};
use crate::finish::{Finish, Taken};
use crate::hint::Hint;
use crate::range::{Done, Worker};
use crate::source::Source;

/// How to take in what a system has.
#[derive(Debug, Clone)]
pub struct Options {
    /// Name of the protected system.
    pub system: String,
    pub compression: Compression,
    /// Workers: as many as there are cores to use, and one more to
    /// work while others wait. Each takes 20 MiB of memory.
    pub workers: usize,
    pub parent: Parent,
    pub point: PointId,
    /// Of what moment the source is.
    pub consistency: Consistency,
    pub now: WallTime,
    /// At the same moment: gives the point its age.
    pub uptime: Uptime,
}

/// The recovery point that an ingest is compared with, so that it stores only what differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Parent {
    /// The newest of the system.
    #[default]
    Newest,
    /// None: whatever the store has not by digest is stored whole.
    None,
    /// This one, of whatever system.
    Point(Point),
}

/// What came of an ingest. Amounts are in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub point: Point,
    pub data_bytes: u64,
    pub new_chunks: u64,
    pub new_bytes: u64,
    /// The recovery point that it was compared with.
    pub parent: Option<PointId>,
    /// That came from the source; the rest is as the parent has it. Zeroes count only where a hint
    /// says that they have changed.
    pub read_bytes: u64,
    /// That differ from the parent although the hint denied it: all was read then.
    pub denied_bytes: u64,
    /// What is unusual about it.
    pub signals: Vec<SignalDescription>,
}

/// A volume of the system.
#[derive(Debug)]
pub struct NewVolume<'a> {
    /// The volume of this name in the parent is the one that it is compared with.
    pub name: String,
    pub source: &'a dyn Source,
    /// What is said to have changed since the parent. Without one all of the source is read.
    pub hint: Option<Hint>,
}

/// Takes volumes in as one recovery point of a system.
#[derive(Debug)]
pub struct Ingest<'a> {
    pub access: &'a Arc<TenantAccess>,
    pub catalog: &'a Catalog,
    /// At least one; they are taken in one after the other.
    pub volumes: Vec<NewVolume<'a>>,
    pub options: Options,
    pub progress: &'a Progress,
}

/// A volume that was read.
struct Part<'a> {
    volume: &'a NewVolume<'a>,
    /// Root and bytes of the volume that it was compared with.
    parent: Option<(Digest, u64)>,
    /// Not all of it was read.
    hinted: bool,
    leaves: Vec<Option<Digest>>,
    total: Done,
}

/// The number of a system: only the tenant's key connects it with the name.
pub fn system_id(access: &TenantAccess, name: &str) -> SystemId {
    let hash = blake3::keyed_hash(access.keys().name_key().bytes(), name.as_bytes());
    let mut id = SystemId::default();
    id.0.copy_from_slice(&hash.as_bytes()[..16]);
    id
}

impl Ingest<'_> {
    /// Reads each source to its end. When this returns a report, the recovery point is durable.
    ///
    /// # Errors
    /// `Interrupted` when the progress was asked to stop; what was stored by then stays.
    pub fn run(self) -> Result<Report> {
        let system = system_id(self.access, &self.options.system);
        // What this finds in the store stays there until the point that needs it is known.
        let (before, _lease) = leased(&self, system)?;
        self.progress.begin(self.volumes.iter().map(|volume| volume.source.size()).sum());
        let mut parts = Vec::with_capacity(self.volumes.len());
        for volume in &self.volumes {
            let parent = before.as_ref().and_then(|before| before.of(&volume.name, &self.volumes));
            // Of a volume that was resized nobody knows what moved.
            let same_size = parent.is_some_and(|(_, bytes)| bytes == volume.source.size());
            let hint = volume.hint.as_ref().filter(|_| same_size);
            let (leaves, total) = self.take_all(volume.source, parent, hint)?;
            parts.push(Part { volume, parent, hinted: hint.is_some(), leaves, total });
        }
        self.take_denied(&mut parts)?;
        let taken = parts.into_iter().map(|part| self.map(part)).collect::<Result<_>>()?;
        let mut writer = RecordWriter::new(self.access)?;
        let finish = Finish { access: self.access, catalog: self.catalog, options: &self.options };
        block_on(finish.commit(&mut writer, system, taken, before.map(|before| before.point)))
    }

    /// Reads all of what was hinted at once more if any hint was wrong: who is wrong about one
    /// volume is not believed about another.
    fn take_denied(&self, parts: &mut [Part<'_>]) -> Result<()> {
        if parts.iter().all(|part| part.total.denied_bytes == 0) {
            return Ok(());
        }
        for part in parts.iter_mut().filter(|part| part.hinted) {
            self.progress.begin(part.volume.source.size());
            let (leaves, total) = self.take_all(part.volume.source, part.parent, None)?;
            part.leaves = leaves;
            part.total = Done { denied_bytes: part.total.denied_bytes, ..total };
        }
        Ok(())
    }

    /// Writes the nodes above the leaves of a volume.
    fn map(&self, part: Part<'_>) -> Result<Taken> {
        let Part { volume, parent, leaves, total, .. } = part;
        let mut writer = RecordWriter::new(self.access)?;
        let (root, tree_bytes) = block_on(write_tree(&mut writer, leaves))?;
        Ok(Taken {
            content: VolumeContent::Volume,
            volume: volume.name.clone(),
            bytes: volume.source.size(),
            name: volume.source.name(),
            root,
            tree_bytes,
            total,
            compared: parent.is_some(),
        })
    }

    fn take_all(
        &self,
        source: &dyn Source,
        parent: Option<(Digest, u64)>,
        hint: Option<&Hint>,
    ) -> Result<(Vec<Option<Digest>>, Done)> {
        let count = source.size().div_ceil(LEAF_BYTES);
        let next = AtomicU64::new(0);
        let pace = Pace::new(self.options.compression);
        let claims = Claims::default();
        let leaves = Mutex::new(vec![None; count as usize]);
        let total = Mutex::new(Done::default());
        let work = || -> Result<()> {
            let mut worker = Worker {
                source,
                pace: &pace,
                claims: &claims,
                writer: RecordWriter::new(self.access)?,
                reader: RecordReader::new(self.access)?,
                parent: parent.map(|(root, bytes)| Volume::new(root, bytes)),
                hint,
                bytes: Vec::new(),
            };
            loop {
                let leaf = next.fetch_add(1, Ordering::Relaxed);
                if leaf >= count {
                    return Ok(());
                }
                if self.progress.stopped() {
                    return Err(RecordError::Interrupted);
                }
                let done = block_on(worker.take(leaf)).inspect_err(|_| self.progress.stop())?;
                let mut leaves = leaves.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(place) = leaves.get_mut(leaf as usize) {
                    *place = done.leaf;
                }
                drop(leaves);
                total.lock().unwrap_or_else(PoisonError::into_inner).add(&done);
                let bytes = (source.size() - leaf * LEAF_BYTES).min(LEAF_BYTES);
                self.progress.advance(bytes, done.stored_bytes);
            }
        };
        let outcomes: Vec<Result<()>> = std::thread::scope(|scope| {
            let workers: Vec<_> =
                (0..self.options.workers.max(1)).map(|_| scope.spawn(work)).collect();
            workers
                .into_iter()
                .map(|worker| {
                    worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                })
                .collect()
        });
        worst(outcomes)?;
        let leaves = leaves.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok((leaves, total.into_inner().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// The failure that made the others stop: it says more than their being stopped.
pub(crate) fn worst(outcomes: Vec<Result<()>>) -> Result<()> {
    let says_less = |error: &RecordError| match error {
        RecordError::Interrupted => 2,
        RecordError::Store(StoreError::Stopped) => 1,
        _ => 0,
    };
    outcomes.into_iter().filter_map(Result::err).min_by_key(says_less).map_or(Ok(()), Err)
}

impl Done {
    pub(crate) fn add(&mut self, other: &Self) {
        self.data_bytes += other.data_bytes;
        self.new_chunks += other.new_chunks;
        self.new_bytes += other.new_bytes;
        self.stored_bytes += other.stored_bytes;
        self.changed_bytes += other.changed_bytes;
        self.dense_bytes += other.dense_bytes;
        self.read_bytes += other.read_bytes;
        self.denied_bytes += other.denied_bytes;
    }
}
