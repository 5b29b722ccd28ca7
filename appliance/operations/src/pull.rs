//! Take a disk of a machine that runs in as a recovery point, through its hypervisor.

use std::path::PathBuf;
use std::sync::Arc;

use catalog::Content;
use ingest::{Hint, NbdSource, Recheck};
use live::{Frozen, Guest};
use record::{Progress, TenantAccess};

use crate::ingest::random_point;
use crate::{Failure, Ingest, Ingested, OpenPool};

/// One leaf range in so many is read in each pull although nothing is said to have changed there,
/// by chance another one each time: what a bitmap hides is found within as many pulls on average.
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
    /// Socket of the agent in the guest, to freeze its file systems for the moment.
    pub guest_agent: Option<PathBuf>,
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
        let name = self.socket.display().to_string();
        let ingest = Ingest {
            parent: since.map(|parent| parent.to_string()),
            point: Some(point),
            ..Ingest::of(&self.system, &self.volume, &name)
        };
        // What cannot end well does not touch the machine.
        ingest.admitted(pool, access, Content::Volumes)?;
        let stopped = || progress.stopped();
        let guest = self.guest_agent.as_deref().map(|agent| Guest { agent, stopped: &stopped });
        let frozen = Frozen::take(&self.socket, self.disk.as_deref(), point, since, guest)?;
        let dirty = frozen.dirty()?;
        let recheck = match self.full {
            true => Recheck::All,
            // An identity is random.
            false => Recheck::OneIn { leaves: RECHECKED_ONE_IN, turn: point.0[0].into() },
        };
        let hint = dirty.map(|dirty| Hint { dirty, recheck });
        let ingest = Ingest { hint, consistency: frozen.consistency(), ..ingest };
        let mut ingested = {
            let source = NbdSource::connect(frozen.address())?;
            ingest.run(pool, access, &source, progress)?
        };
        let kind = ingested.consistency;
        let told = |why| format!("{why}; this recovery point is {kind}");
        ingested.unsettled = frozen.warning().map(told);
        // What cannot be tidied up now, the next pull tidies up.
        let _ = frozen.keep();
        Ok(ingested)
    }
}
