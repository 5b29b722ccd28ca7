//! From disks and a secret to an open pool and its keys.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use catalog::{Catalog, Point};
use clock::{now, uptime};
use disk::{Access, Backend, Disk, DiskError};
use futures_executor::block_on;
use model::{PointId, TenantId};
use record::TenantAccess;
use restore::RestorePoint;
use seal::{Keyring, Unlocked};
use store::{Entropy, OpenOptions, Opened, Store, StoreError};

use crate::{Failure, Secret};

/// Which pool, and how its disks are used.
#[derive(Debug, Clone, Default)]
pub struct PoolDisks {
    /// Block devices or files.
    pub disks: Vec<PathBuf>,
    /// Go on without a disk that is missing.
    pub degraded: bool,
    pub io: Io,
}

/// How transfers reach the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Io {
    /// io_uring where the kernel allows it, threads elsewhere.
    #[default]
    Auto,
    Uring,
    Threads,
}

/// An open pool.
#[derive(Debug)]
pub struct OpenPool {
    pub store: Store,
    pub catalog: Arc<Catalog>,
    pub keyring: Keyring,
    /// Disks that were given and are not used: they stood still while others went on.
    pub stale: Vec<String>,
}

/// The system's random source.
#[derive(Debug)]
pub struct SystemRandom;

impl Entropy for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        fill_random(bytes);
    }
}

/// Fills `bytes` from the system's random source.
///
/// # Panics
/// When the kernel has none: then no key would be safe.
pub fn fill_random(bytes: &mut [u8]) {
    #[allow(clippy::expect_used, reason = "without randomness nothing may be sealed")]
    getrandom::fill(bytes).expect("the kernel has no random source");
}

/// How long a disk that is in use is waited for, at most. A process that was killed holds its disks
/// until the kernel has ended its transfers: a moment after it is gone.
const BUSY_WAIT: Duration = Duration::from_secs(2);

/// How often such a disk is tried again.
const BUSY_TRY: Duration = Duration::from_millis(20);

/// Opens disks as they were asked for, each once.
pub fn open_disks(
    paths: &[PathBuf],
    access: Access,
    io: Io,
) -> Result<Vec<Arc<dyn Disk>>, Failure> {
    for (number, path) in paths.iter().enumerate() {
        // Opening the second would find the first in use, which is not the point.
        if paths.iter().take(number).any(|other| is_same(path, other)) {
            let disk = path.display().to_string();
            return Err(StoreError::SameDisk { disk }.into());
        }
    }
    paths.iter().map(|path| open_disk(path, access, io)).collect()
}

/// Whether two paths name the same file or device.
pub fn is_same(path: &Path, other: &Path) -> bool {
    let identity = |path| std::fs::metadata(path).map(|meta| (meta.dev(), meta.ino()));
    matches!((identity(path), identity(other)), (Ok(one), Ok(two)) if one == two)
}

pub fn open_disk(path: &Path, access: Access, io: Io) -> Result<Arc<dyn Disk>, Failure> {
    let began = Instant::now();
    loop {
        match try_open(path, access, io) {
            Err(DiskError::Busy { .. }) if began.elapsed() < BUSY_WAIT => thread::sleep(BUSY_TRY),
            opened => return Ok(opened?),
        }
    }
}

/// Makes a file for a disk, or for a volume.
pub fn create_file(path: &Path, bytes: u64) -> Result<(), Failure> {
    disk::create_file(path, bytes).map_err(|error| match error {
        DiskError::Open { source, .. } => Failure::file(path, &source),
        error => error.into(),
    })
}

fn try_open(path: &Path, access: Access, io: Io) -> Result<Arc<dyn Disk>, DiskError> {
    let backend = if io == Io::Threads { Backend::Threads } else { Backend::Uring };
    match disk::open(path, access, backend) {
        Err(DiskError::NoUring { .. }) if io == Io::Auto => {
            disk::open(path, access, Backend::Threads)
        }
        opened => opened,
    }
}

impl OpenPool {
    /// Opens the pool, for reading only or for writing too.
    pub fn open(pool: &PoolDisks, access: Access) -> Result<Self, Failure> {
        let disks = open_disks(&pool.disks, access, pool.io)?;
        Self::open_on(disks, pool.degraded, access)
    }

    /// As [`open`](Self::open), on disks that were opened already.
    pub fn open_on(
        disks: Vec<Arc<dyn Disk>>,
        degraded: bool,
        access: Access,
    ) -> Result<Self, Failure> {
        let catalog = Arc::new(Catalog::default());
        let options =
            OpenOptions { read_only: access == Access::ReadOnly, allow_missing: degraded };
        let opening = Store::open(disks, options, Arc::new(SystemRandom), catalog.clone());
        let Opened { store, stale } = block_on(opening)?;
        let keys = block_on(store.keys())?;
        let keyring = Keyring::decode(&keys)
            .map_err(|error| Failure::new(error, "name all disks of the pool"))?;
        Ok(Self { store, catalog, keyring, stale })
    }

    /// Unlocks the keys of the pool's tenant.
    pub fn unlock(
        &self,
        secret: &Secret,
        backend: seal::Backend,
    ) -> Result<Arc<TenantAccess>, Failure> {
        let unlocked = unlock_keyring(&self.keyring, secret)?;
        let tenant = unlocked.tenants().first().ok_or_else(|| {
            Failure::new("the pool has no tenant", "create the pool again: it is empty")
        })?;
        Ok(TenantAccess::new(self.store.clone(), tenant.clone(), backend))
    }

    /// Opens the recovery point that was typed.
    pub fn point(&self, access: &Arc<TenantAccess>, typed: &str) -> Result<RestorePoint, Failure> {
        let point = self.find(access.tenant(), typed)?;
        Ok(block_on(RestorePoint::open(access, point))?)
    }

    /// The recovery point that was typed, of this tenant. `latest` is one that is not removed, if
    /// there is one.
    pub fn find(&self, tenant: TenantId, typed: &str) -> Result<Point, Failure> {
        let own = self.catalog.listed().into_iter().filter(|listed| listed.point.tenant == tenant);
        let list = "see `holdfast points`";
        let unknown = || Failure::new(format!("no recovery point {typed}"), list);
        if typed == "latest" {
            // Of equals the last is taken.
            let latest = own.max_by_key(|listed| listed.removed.is_none());
            return latest.map(|listed| listed.point).ok_or_else(unknown);
        }
        let mut found = own.filter(|listed| point_matches(&listed.point.id, typed));
        let first = found.next().ok_or_else(unknown)?;
        match found.next() {
            Some(_) => Err(Failure::new(format!("several recovery points {typed}…"), list)),
            None => Ok(first.point),
        }
    }

    /// The disks that failed since the pool was opened, and were left behind.
    pub fn failed_disks(&self) -> Vec<String> {
        let disks = self.store.status().disks.into_iter();
        let failed = disks.filter(|disk| !disk.active).filter_map(|disk| disk.name);
        failed.filter(|name| !self.stale.contains(name)).collect()
    }

    /// The pool's age in seconds of running time.
    pub fn age(&self) -> u64 {
        self.catalog.age(uptime())
    }

    /// The age for events that are made now and committed by [`OpenPool::commit`].
    pub fn settle_age(&self) -> u64 {
        self.catalog.settle_age(uptime())
    }

    /// Commits events of the catalog, with the pool's age.
    pub fn commit(&self, events: Vec<Vec<u8>>) -> Result<(), Failure> {
        let clock = self.catalog.clock_event(uptime(), now());
        let events = std::iter::once(clock).chain(events).collect();
        Ok(block_on(catalog::commit_all(&self.store, events))?)
    }

    /// Ends the use of the pool. If anything was written to it, its age is too: whatever is done
    /// with a pool shows that it has been running. The next start needs to read little.
    pub fn close(&self) -> Result<(), Failure> {
        if self.store.has_written() && self.age() > self.catalog.known_age() {
            let clock = self.catalog.clock_event(uptime(), now());
            block_on(self.store.commit(vec![clock]))?;
        }
        Ok(block_on(self.store.clone().close())?)
    }
}

/// Opens a keyring with a passphrase or a kit.
pub fn unlock_keyring(keyring: &Keyring, secret: &Secret) -> Result<Unlocked, Failure> {
    Ok(match secret {
        Secret::Kit(kit) => keyring.unlock_with_kit(kit)?,
        Secret::Passphrase(passphrase) => keyring.unlock_with_passphrase(passphrase)?,
    })
}

/// Whether a recovery point's identity begins as was typed.
pub fn point_matches(id: &PointId, typed: &str) -> bool {
    typed.len() >= 4 && id.to_string().starts_with(&typed.to_ascii_lowercase())
}
