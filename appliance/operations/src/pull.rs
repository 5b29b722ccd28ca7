//! Take disks of a machine that runs in as a recovery point, through its hypervisor.

use std::path::PathBuf;
use std::sync::Arc;

use catalog::Content;
use ingest::{Hint, NbdSource, NewVolume, Recheck};
use live::{Domain, Guest, Held, Machine};
use model::PointId;
use record::{Progress, TenantAccess};

use crate::ingest::random_point;
use crate::{Failure, Ingest, Ingested, OpenPool};

/// One leaf range in so many is read in each pull although nothing is said to have changed there,
/// by chance another one each time: what a bitmap hides is found within as many pulls on average.
const RECHECKED_ONE_IN: u64 = 64;

/// Which machine, and how.
#[derive(Debug, Clone)]
pub struct Pull {
    /// Name of the protected system.
    pub system: String,
    /// Who gives the disks.
    pub from: Hypervisor,
    /// Read all of it, and compare what the bitmaps say with that.
    pub full: bool,
}

/// What runs a machine.
#[derive(Debug, Clone)]
pub enum Hypervisor {
    Qemu {
        /// Its QMP socket.
        socket: PathBuf,
        /// The machine's disks, by any names that QEMU has for them; all without any.
        disks: Vec<String>,
        /// Disks that are left out.
        excluded: Vec<String>,
        /// Socket of the agent in the guest, to freeze its file systems for the moment.
        guest_agent: Option<PathBuf>,
    },
    Libvirt(Domain),
}

impl Hypervisor {
    /// What a person knows the machine by.
    fn name(&self) -> String {
        match self {
            Self::Qemu { socket, .. } => socket.display().to_string(),
            Self::Libvirt(domain) => format!("{} at {}", domain.name, domain.uri),
        }
    }

    fn hold(
        &self,
        point: PointId,
        since: Option<PointId>,
        stopped: &dyn Fn() -> bool,
    ) -> Result<Box<dyn Held>, Failure> {
        Ok(match self {
            Self::Qemu { socket, disks, excluded, guest_agent } => {
                let guest = guest_agent.as_deref().map(|agent| Guest { agent, stopped });
                Box::new(Machine { socket, disks, excluded }.freeze(point, since, guest)?)
            }
            Self::Libvirt(domain) => domain.hold(point, since, stopped)?,
        })
    }
}

impl Pull {
    /// Takes the disks in as they are at one moment, while the guest goes on. What changed since
    /// the system's newest recovery point is read where QEMU knows it, else all.
    pub fn run(
        &self,
        pool: &OpenPool,
        access: &Arc<TenantAccess>,
        progress: &Progress,
    ) -> Result<Ingested, Failure> {
        let system = ingest::system_id(access, &self.system);
        let since = pool.catalog.newest(access.tenant(), system).map(|parent| parent.id);
        let point = random_point();
        let name = self.from.name();
        let ingest = Ingest {
            parent: since.map(|parent| parent.to_string()),
            point: Some(point),
            ..Ingest::of(&self.system, "", &name)
        };
        // What cannot end well does not touch the machine.
        ingest.admitted(pool, access, Content::Volumes)?;
        let held = self.from.hold(point, since, &|| progress.stopped())?;
        self.take(&ingest, held, (pool, access), progress)
    }

    fn take(
        &self,
        ingest: &Ingest,
        held: Box<dyn Held>,
        (pool, access): (&OpenPool, &Arc<TenantAccess>),
        progress: &Progress,
    ) -> Result<Ingested, Failure> {
        let disks = held.disks();
        let sources: Result<Vec<NbdSource>, _> =
            disks.iter().map(|disk| NbdSource::connect(&disk.address)).collect();
        let sources = sources?;
        let mut volumes = Vec::with_capacity(disks.len());
        for (number, (disk, source)) in disks.iter().zip(&sources).enumerate() {
            let dirty = held.dirty(number)?;
            let hint = dirty.map(|dirty| Hint { dirty, recheck: self.recheck(ingest) });
            volumes.push(NewVolume { name: disk.name.clone(), source, hint });
        }
        let ingest = Ingest { consistency: held.consistency(), ..ingest.clone() };
        let mut ingested = ingest.run_all(pool, access, volumes, progress)?;
        let kind = ingested.consistency;
        let told = |why| format!("{why}; this recovery point is {kind}");
        ingested.unsettled = held.warning().map(told);
        // QEMU ends what it serves when nobody reads it.
        drop(sources);
        // What cannot be tidied up now, the next pull tidies up.
        let _ = held.keep();
        Ok(ingested)
    }

    fn recheck(&self, ingest: &Ingest) -> Recheck {
        match (self.full, ingest.point) {
            // An identity is random.
            (false, Some(point)) => {
                Recheck::OneIn { leaves: RECHECKED_ONE_IN, turn: point.0[0].into() }
            }
            _ => Recheck::All,
        }
    }
}
