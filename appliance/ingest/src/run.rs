//! A whole ingest: workers over the ranges of a volume, then the manifest above them, the point
//! and its event in one commit.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use catalog::{Catalog, Content, Point, Uptime};
use format::manifest::LEAF_BYTES;
use format::segment::RecordKind;
use futures_executor::block_on;
use model::{Consistency, Digest, PointId, SystemId, WallTime};
use record::{
    Progress, RecordError, RecordReader, RecordWriter, Result, SignalDescription, TenantAccess,
    Volume, VolumeContent, write_tree,
};
use store::{Lease, StoreError};

use crate::claims::Claims;
use crate::codec::{Compression, Pace};
use crate::finish::{Finish, Taken};
use crate::hint::Hint;
use crate::range::{Done, Worker};
use crate::source::Source;

/// How to take a volume in.
#[derive(Debug, Clone)]
pub struct Options {
    /// Name of the protected system.
    pub system: String,
    /// Name of the volume.
    pub volume: String,
    pub compression: Compression,
    /// Workers: as many as there are cores to use, and one more to
    /// work while others wait. Each takes 20 MiB of memory.
    pub workers: usize,
    pub parent: Parent,
    /// What is said to have changed since the parent. Without one all of the source is read.
    pub hint: Option<Hint>,
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

/// A recovery point, and its first volume's root and size in bytes.
type ParentVolume = (PointId, (Digest, u64));

/// Takes one volume in as a recovery point of a system.
#[derive(Debug)]
pub struct Ingest<'a> {
    pub access: &'a Arc<TenantAccess>,
    pub catalog: &'a Catalog,
    pub source: &'a dyn Source,
    pub options: Options,
    pub progress: &'a Progress,
}

/// The number of a system: only the tenant's key connects it with the name.
pub fn system_id(access: &TenantAccess, name: &str) -> SystemId {
    let hash = blake3::keyed_hash(access.keys().name_key().bytes(), name.as_bytes());
    let mut id = SystemId::default();
    id.0.copy_from_slice(&hash.as_bytes()[..16]);
    id
}

impl Ingest<'_> {
    /// Reads the source to its end. When this returns a report, the recovery point is durable.
    ///
    /// # Errors
    /// `Interrupted` when the progress was asked to stop; what was stored by then stays.
    pub fn run(self) -> Result<Report> {
        let system = system_id(self.access, &self.options.system);
        // What this finds in the store stays there until the point that needs it is known.
        let (parent, _lease) = self.leased_parent(system)?;
        self.progress.begin(self.source.size());
        let root = parent.as_ref().map(|(_, root)| *root);
        // Of a volume that was resized nobody knows what moved.
        let hint = self.options.hint.as_ref();
        let hint = hint.filter(|_| root.is_some_and(|(_, bytes)| bytes == self.source.size()));
        let (mut leaves, mut total) = self.take_all(root, hint)?;
        if hint.is_some() && total.denied_bytes > 0 {
            let denied_bytes = total.denied_bytes;
            self.progress.begin(self.source.size());
            (leaves, total) = self.take_all(root, None)?;
            total.denied_bytes = denied_bytes;
        }
        let parent = parent.map(|(point, _)| point);
        block_on(self.finish(system, leaves, total, parent))
    }

    /// The parent point, and a lease on what it leads to.
    fn leased_parent(&self, system: SystemId) -> Result<(Option<ParentVolume>, Lease)> {
        let store = self.access.store();
        let parent = self.parent(system)?;
        let lease = store.lease(parent.iter().map(|(_, (root, _))| *root).collect());
        // One that went before the lease was there may have been reclaimed.
        if parent.as_ref().is_none_or(|(id, _)| self.catalog.point(*id).is_some()) {
            return Ok((parent, lease));
        }
        Ok((None, store.lease(Vec::new())))
    }

    fn parent(&self, system: SystemId) -> Result<Option<ParentVolume>> {
        let point = match self.options.parent {
            Parent::Newest => self.catalog.newest(self.access.tenant(), system),
            Parent::None => None,
            Parent::Point(point) => Some(point),
        };
        let point = point.filter(|point| point.content == Content::Volumes);
        let Some(point) = point else { return Ok(None) };
        let mut reader = RecordReader::new(self.access)?;
        // A parent that cannot be read is no parent: the ingest costs more, and heals.
        let Ok(record) = block_on(reader.read(&point.record, RecordKind::Point)) else {
            return Ok(None);
        };
        Ok(record.refs.first().map(|root| (point.id, (*root, point.logical_bytes))))
    }

    fn take_all(
        &self,
        parent: Option<(Digest, u64)>,
        hint: Option<&Hint>,
    ) -> Result<(Vec<Option<Digest>>, Done)> {
        let count = self.source.size().div_ceil(LEAF_BYTES);
        let next = AtomicU64::new(0);
        let pace = Pace::new(self.options.compression);
        let claims = Claims::default();
        let leaves = Mutex::new(vec![None; count as usize]);
        let total = Mutex::new(Done::default());
        let work = || -> Result<()> {
            let mut worker = Worker {
                source: self.source,
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
                let bytes = (self.source.size() - leaf * LEAF_BYTES).min(LEAF_BYTES);
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

    async fn finish(
        &self,
        system: SystemId,
        leaves: Vec<Option<Digest>>,
        total: Done,
        parent: Option<PointId>,
    ) -> Result<Report> {
        let mut writer = RecordWriter::new(self.access)?;
        let (root, tree_bytes) = write_tree(&mut writer, leaves).await?;
        let (bytes, name) = (self.source.size(), self.source.name());
        let content = VolumeContent::Volume;
        let taken = Taken { content, bytes, name, root, tree_bytes, total, parent };
        let finish = Finish { access: self.access, catalog: self.catalog, options: &self.options };
        finish.commit(&mut writer, system, taken).await
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
