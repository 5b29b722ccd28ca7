//! Take a disk of a machine that runs in as a recovery point, through its hypervisor.

use std::path::PathBuf;
use std::sync::Arc;

use catalog::Point;
use ingest::{Hint, NbdSource, Recheck};
use live::Frozen;
use record::{Progress, TenantAccess};

use crate::ingest::random_point;
use crate::{Failure, Ingest, Ingested, OpenPool};

/// One leaf range in so many is read in each pull although nothing is said to have changed there:
/// what a bitmap hides is found within as many pulls.
const RECHECKED_ONE_IN: u64 = 64;

/// Which disk, and how.
#[derive(Debug, Clone)]
pub struct Pull {
    /// Name of the protected system.
    pub system: String,
    /// Name of the volume.
    pub volume: String,
    /// QMP socket of its QEMU.
    pub socket: PathBuf,
    /// The disk, by any name that QEMU has for it; its only one without this.
    pub disk: Option<String>,
    /// Read all of it, and compare what the bitmap says with that.
    pub full: bool,
}

impl Pull {
    /// Takes the disk in as it is now, while the guest goes on. What changed since the system's
    /// newest recovery point is read if QEMU knows it, else all.
    pub fn run(
        &self,
        pool: &OpenPool,
        access: &Arc<TenantAccess>,
        progress: &Progress,
    ) -> Result<Ingested, Failure> {
        let system = ingest::system_id(access, &self.system);
        let parent = pool.catalog.newest(access.tenant(), system);
        let point = random_point();
        let since = parent.map(|parent| parent.id);
        let frozen = Frozen::take(&self.socket, self.disk.as_deref(), point, since)?;
        let dirty = frozen.dirty()?;
        let own = |point: &&Point| point.tenant == access.tenant() && point.system == system;
        let turn = pool.catalog.points().iter().filter(own).count() as u64;
        let recheck = match self.full {
            true => Recheck::All,
            false => Recheck::OneIn { leaves: RECHECKED_ONE_IN, turn },
        };
        let name = self.socket.display().to_string();
        let ingest = Ingest {
            parent: parent.map(|parent| parent.id.to_string()),
            hint: dirty.map(|dirty| Hint { dirty, recheck }),
            point: Some(point),
            ..Ingest::of(&self.system, &self.volume, &name)
        };
        let ingested = {
            let source = NbdSource::connect(frozen.address())?;
            ingest.run(pool, access, &source, progress)?
        };
        // What cannot be tidied up now, the next pull tidies up.
        let _ = frozen.keep();
        Ok(ingested)
    }
}
