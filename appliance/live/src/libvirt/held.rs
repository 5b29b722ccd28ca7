//! The disks of a machine while they are held.

use std::thread;
use std::time::{Duration, Instant};

use ingest::{Dirty, SourceError};
use model::{Consistency, PointId};

use super::disks::{Machine, MachineDisk};
use super::job::{self, Begun};
use super::virsh::{PATIENCE, Virsh};
use super::{bitmaps, checkpoints};
use crate::error::{LiveError, Result};
use crate::held::{Held, HeldDisk};
use crate::still::Outcome;

/// So long it is tried to end a backup, with so long between two tries.
const TRIED: Duration = Duration::from_secs(600);
const PAUSE: Duration = Duration::from_secs(1);

/// A backup in pull mode that is ours to end. When it is dropped the checkpoint that began with it
/// goes, too: the next pull can go on from the one before.
#[derive(Debug)]
pub(super) struct HeldDomain {
    pub(super) virsh: Virsh,
    uuid: String,
    point: PointId,
    /// All that may be held.
    taken: Vec<MachineDisk>,
    disks: Vec<HeldDisk>,
    /// Of each disk, whether it is told what was written to it.
    tells: Vec<bool>,
    still: bool,
    warning: Option<String>,
    /// It was given up as it began: libvirt may begin it yet.
    is_cut: bool,
    over: bool,
}

impl HeldDomain {
    /// What may be begun from here on.
    pub(super) fn new(
        virsh: Virsh,
        machine: &Machine,
        disks: &[MachineDisk],
        point: PointId,
    ) -> Self {
        let (uuid, taken) = (machine.uuid.clone(), disks.to_owned());
        let (disks, tells, warning) = (Vec::new(), Vec::new(), None);
        let (still, is_cut, over) = (false, false, false);
        Self { virsh, uuid, point, taken, disks, tells, still, warning, is_cut, over }
    }

    /// Notes what was begun, and what came of the guest's standing still.
    pub(super) fn begun(&mut self, begun: Begun, still: Option<Outcome>) {
        let disks = self.taken.iter().zip(begun.addresses);
        let held =
            |(disk, address): (&MachineDisk, _)| HeldDisk { name: disk.target.clone(), address };
        self.disks = disks.map(held).collect();
        self.tells = begun.tells;
        self.still = still.as_ref().is_some_and(|still| still.still);
        let warnings = [still.and_then(|still| still.warning), begun.warning];
        let warnings: Vec<String> = warnings.into_iter().flatten().collect();
        self.warning = (!warnings.is_empty()).then(|| warnings.join("; "));
    }

    /// Notes that nothing was begun, as far as anybody knows.
    pub(super) fn given_up(&mut self, why: &LiveError) {
        self.is_cut = !matches!(why, LiveError::Libvirt { .. });
    }

    fn has_checkpoint(&self) -> bool {
        self.taken.iter().any(|disk| disk.tells)
    }

    /// What is to be ended, and which checkpoint goes with it.
    fn ending(&self, checkpoint: bool) -> Ending {
        let (virsh, uuid) = (self.virsh.clone(), self.uuid.clone());
        Ending { virsh, uuid, point: self.point, checkpoint, is_cut: self.is_cut }
    }
}

/// The end of a backup.
#[derive(Debug)]
struct Ending {
    virsh: Virsh,
    uuid: String,
    point: PointId,
    /// The checkpoint that began with it goes.
    checkpoint: bool,
    /// libvirt may begin it yet.
    is_cut: bool,
}

impl Ending {
    /// Tries it now; what cannot be done at once a thread does, for ten minutes at most. After that
    /// the next pull does.
    fn run(self) -> Result<()> {
        let ended = self.once();
        if ended.is_err() || self.is_cut {
            // Without a thread the next pull does it.
            let _ =
                thread::Builder::new().name("end-backup".to_owned()).spawn(move || self.go_on());
        }
        ended
    }

    fn once(&self) -> Result<()> {
        job::end(&self.virsh, &self.uuid, self.point)?;
        if !self.checkpoint {
            return Ok(());
        }
        let name = bitmaps::name(self.point);
        checkpoints::remove_if_there(&self.virsh, &self.uuid, &name)
    }

    fn go_on(&self) {
        let begun = Instant::now();
        while begun.elapsed() < TRIED {
            thread::park_timeout(PAUSE);
            let may_come = self.is_cut && begun.elapsed() < PATIENCE;
            if self.once().is_ok() && !may_come {
                return;
            }
        }
    }
}

impl Held for HeldDomain {
    fn disks(&self) -> &[HeldDisk] {
        &self.disks
    }

    fn dirty(&self, disk: usize) -> Result<Option<Dirty>> {
        let told = self.disks.get(disk).zip(self.tells.get(disk));
        let Some((disk, true)) = told else { return Ok(None) };
        match ingest::dirty(&disk.address, job::BITMAP) {
            Ok(dirty) => Ok(Some(dirty)),
            Err(SourceError::NoBitmap { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn consistency(&self) -> Consistency {
        match self.still {
            true => Consistency::FileSystem,
            false => Consistency::Crash,
        }
    }

    fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// The checkpoint that began with the point is all that the next pull needs.
    fn keep(mut self: Box<Self>) -> Result<()> {
        self.over = true;
        self.ending(false).run()?;
        let point = Some(self.point);
        checkpoints::sweep(&self.virsh, &self.uuid, &self.taken, point, &|| false).map(drop)
    }
}

impl Drop for HeldDomain {
    fn drop(&mut self) {
        if !self.over {
            let _ = self.ending(self.has_checkpoint()).run();
        }
    }
}
