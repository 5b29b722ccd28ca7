//! Take a disk in as a recovery point.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use catalog::Content;
use ingest::{Compression, Hint, NewVolume, Options, Parent, Report, Source};
use model::{Bytes, Consistency, PointId};
use record::{Progress, SignalKind, TenantAccess};
use serde_json::{Value, json};

use crate::failure::MAKE_ROOM;
use crate::pool::{fill_random, is_same};
use crate::{Failure, OpenPool, now, uptime};

/// Recovery points of a system that tell what the next one adds, at most.
const LATELY: usize = 3;

/// What to take in, and how.
#[derive(Debug, Clone)]
pub struct Ingest {
    /// An image, a device or an NBD address, as [`ingest::open_source`] takes it.
    pub source: String,
    /// Name of the protected system.
    pub system: String,
    /// Name of the volume.
    pub volume: String,
    /// Recovery point to compare with, as typed; without it the newest of the system.
    pub parent: Option<String>,
    /// Compare with none.
    pub no_parent: bool,
    /// What is said to have changed since the parent; without it all is read.
    pub hint: Option<Hint>,
    /// Identity of the new recovery point; without it a random one.
    pub point: Option<PointId>,
    /// Of what moment the source is.
    pub consistency: Consistency,
    pub compression: Compression,
    /// Threads that take ranges in; without it one more than there are cores, at most eight.
    pub workers: Option<usize>,
}

/// A recovery point that was made.
#[derive(Debug)]
pub struct Ingested {
    pub report: Report,
    /// Disks that failed meanwhile.
    pub failed_disks: Vec<String>,
    pub seconds: f64,
    /// Of what moment it is.
    pub consistency: Consistency,
    /// Why it is not of a better one, if it was to be; in one line.
    pub unsettled: Option<String>,
}

impl Ingest {
    /// An ingest as most are: compared with the system's newest point, compressed as there is time.
    pub fn of(system: &str, volume: &str, source: &str) -> Self {
        Self {
            source: source.to_owned(),
            system: system.to_owned(),
            volume: volume.to_owned(),
            parent: None,
            no_parent: false,
            hint: None,
            point: None,
            consistency: Consistency::Unknown,
            compression: Compression::Auto,
            workers: None,
        }
    }

    /// Opens what was named, unless it is nothing that anybody would want back: a disk of the pool
    /// itself, or something empty.
    pub fn open_source(&self, own_disks: &[PathBuf]) -> Result<Box<dyn Source>, Failure> {
        let named = &self.source;
        if own_disks.iter().any(|disk| is_same(disk, Path::new(named))) {
            let next = "name the image or device of the system to protect";
            return Err(Failure::new(format!("{named} is a disk of this pool"), next));
        }
        let source = ingest::open_source(named)?;
        if source.size() == 0 {
            let next = "check that it is the right one and was copied whole";
            return Err(Failure::new(format!("{named} is empty"), next));
        }
        Ok(source)
    }

    /// Takes `source` in. What was stored stays also when it fails: the next one is shorter.
    pub fn run(
        &self,
        pool: &OpenPool,
        access: &Arc<TenantAccess>,
        source: &dyn Source,
        progress: &Progress,
    ) -> Result<Ingested, Failure> {
        let volume = NewVolume { name: self.volume.clone(), source, hint: self.hint.clone() };
        self.run_all(pool, access, vec![volume], progress)
    }

    /// Takes several volumes in as one recovery point; what is said of one in `self` does not
    /// count.
    pub(crate) fn run_all(
        &self,
        pool: &OpenPool,
        access: &Arc<TenantAccess>,
        volumes: Vec<NewVolume<'_>>,
        progress: &Progress,
    ) -> Result<Ingested, Failure> {
        let began = Instant::now();
        let parent = self.admitted(pool, access, Content::Volumes)?;
        let (catalog, options) = (&pool.catalog, self.options(parent));
        let ingest = ingest::Ingest { access, catalog, volumes, options, progress };
        let report = ingest.run()?;
        let (failed_disks, seconds) = (pool.failed_disks(), began.elapsed().as_secs_f64());
        let consistency = self.consistency;
        Ok(Ingested { report, failed_disks, seconds, consistency, unsettled: None })
    }

    /// Refuses what cannot end well before anything is read; the parent otherwise.
    pub(crate) fn admitted(
        &self,
        pool: &OpenPool,
        access: &TenantAccess,
        content: Content,
    ) -> Result<Parent, Failure> {
        if !pool.keyring.has_proved_kit() {
            return Err(Failure::new(
                "no recovery kit has been proved, so a lost passphrase would lose everything",
                "run `holdfast kit prove` with the kit that `pool create` wrote",
            ));
        }
        check_content(pool, access, &self.system, content)?;
        check_room(pool, access, &self.system)?;
        Ok(match &self.parent {
            _ if self.no_parent => Parent::None,
            Some(typed) => Parent::Point(pool.find(access.tenant(), typed)?),
            None => Parent::Newest,
        })
    }

    pub(crate) fn options(&self, parent: Parent) -> Options {
        let cores = std::thread::available_parallelism().map_or(2, usize::from).min(7) + 1;
        Options {
            system: self.system.clone(),
            compression: self.compression,
            workers: self.workers.unwrap_or(cores),
            parent,
            point: self.point.unwrap_or_else(random_point),
            consistency: self.consistency,
            now: now(),
            uptime: uptime(),
        }
    }
}

impl Ingested {
    pub fn json(&self) -> Value {
        let (report, point) = (&self.report, &self.report.point);
        json!({
            "point": point.id.to_string(),
            "parent": report.parent.map(|parent| parent.to_string()),
            "bytes_logical": point.logical_bytes,
            "bytes_read": report.read_bytes,
            "bytes_denied": report.denied_bytes,
            "bytes_new": report.new_bytes,
            "chunks_new": report.new_chunks,
            "bytes_added": point.added_bytes,
            "bytes_changed": point.changed_bytes,
            "bytes_dense": point.dense_bytes,
            "signals": report.signals,
            "consistency": self.consistency.as_str(),
            "failed_disks": self.failed_disks,
            "seconds": self.seconds,
        })
    }

    pub fn text(&self) -> String {
        let (report, seconds) = (&self.report, self.seconds);
        let rate = report.data_bytes as f64 / seconds.max(0.001);
        format!(
            "recovery point {}\n{} of data read, {} new, {} added to the store\n\
             {seconds:.1} s, {}/s",
            report.point.id,
            Bytes(report.read_bytes),
            Bytes(report.new_bytes),
            Bytes(report.point.added_bytes),
            Bytes(rate as u64),
        )
    }

    /// One line about what is unusual, with the next step; `None` when nothing is.
    pub fn warning(&self) -> Option<String> {
        let told = self.suspicion().into_iter().chain(self.denied());
        let told: Vec<String> = told.chain(self.unsettled.clone()).collect();
        (!told.is_empty()).then(|| told.join("; "))
    }

    /// What to do about that.
    pub fn next_step(&self) -> &'static str {
        if !self.report.signals.is_empty() {
            return "look at the system, then `holdfast points clear` the point";
        }
        match self.report.denied_bytes {
            0 => "see that the guest agent runs in the machine and may freeze its file systems",
            _ => "see that nobody writes to the image of the disk but its hypervisor",
        }
    }

    /// That the hint was wrong.
    fn denied(&self) -> Option<String> {
        let denied = Bytes(self.report.denied_bytes);
        (denied.0 > 0).then(|| {
            format!(
                "{denied} had changed although the hypervisor's bitmap said that they had not; \
                 all was read, and this recovery point is right"
            )
        })
    }

    fn suspicion(&self) -> Option<String> {
        let signals = &self.report.signals;
        let told = signals.iter().map(|signal| {
            let (what, shown): (_, fn(u64) -> String) = match signal.signal {
                SignalKind::Change => ("changed", |bytes| Bytes(bytes).to_string()),
                SignalKind::Dense => {
                    ("of what changed does not compress", |part| format!("{part} %"))
                }
            };
            let value = shown(signal.value);
            match (signal.usual, signal.factor) {
                (Some(usual), Some(factor)) => {
                    format!("{value} {what}, {factor} times the usual {}", shown(usual))
                }
                _ => format!("{value} {what}"),
            }
        });
        let told: Vec<String> = told.collect();
        (!told.is_empty()).then(|| {
            format!(
                "this looks as if the system had been encrypted: {}; look at the system before \
                 older recovery points go, and restore one of those if it was",
                told.join(", ")
            )
        })
    }
}

/// An identity that no other recovery point has.
pub fn random_point() -> PointId {
    let mut point = PointId::default();
    fill_random(&mut point.0);
    point
}

/// Refuses to mix volumes and streams in one system: each would count as the other's next recovery
/// point, for its objective, its retention and what is usual for it.
fn check_content(
    pool: &OpenPool,
    access: &TenantAccess,
    system: &str,
    content: Content,
) -> Result<(), Failure> {
    let id = ingest::system_id(access, system);
    match pool.catalog.newest(access.tenant(), id) {
        Some(newest) if newest.content != content => {
            let (found, wanted) = (newest.content.as_str(), content.as_str());
            let what = format!("recovery points of {system} are of kind {found}, not {wanted}");
            let next = format!("take it in under another name, {system}-{wanted} for example");
            Err(Failure::new(what, next))
        }
        _ => Ok(()),
    }
}

/// Refuses to begin what cannot end: the pool has no room for even the least that this system's
/// recovery points added lately. What was there before stays as it is.
fn check_room(pool: &OpenPool, access: &TenantAccess, system: &str) -> Result<(), Failure> {
    let id = ingest::system_id(access, system);
    let points = pool.catalog.points();
    let own = points.iter().filter(|p| p.tenant == access.tenant() && p.system == id);
    let free = pool.store.status().free_bytes;
    let lately = own.skip(1).map(|point| point.added_bytes).collect::<Vec<_>>();
    match lately.iter().rev().take(LATELY).min() {
        Some(least) if *least > free => {
            let (least, free) = (Bytes(*least), Bytes(free));
            let what = format!(
                "the pool is full: {free} are free, and recovery points of {system} add {least} \
                 or more"
            );
            Err(Failure::new(what, MAKE_ROOM))
        }
        _ => Ok(()),
    }
}
