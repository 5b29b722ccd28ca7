//! The disks of a machine while they are held.

use ingest::{Dirty, SourceError};
use model::{Consistency, PointId};

use super::disks::{Machine, MachineDisk};
use super::job::{self, Begun};
use super::virsh::Virsh;
use super::{bitmaps, checkpoints};
use crate::error::Result;
use crate::held::{Held, HeldDisk};
use crate::still::Outcome;

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
        Self { virsh, uuid, point, taken, disks, tells, still: false, warning, over: false }
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

    fn has_checkpoint(&self) -> bool {
        self.taken.iter().any(|disk| disk.tells)
    }

    fn end(&mut self) -> Result<()> {
        self.over = true;
        job::end(&self.virsh, &self.uuid, self.point)
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
        self.end()?;
        let point = Some(self.point);
        checkpoints::sweep(&self.virsh, &self.uuid, &self.taken, point, &|| false).map(drop)
    }
}

impl Drop for HeldDomain {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        // What this cannot tidy up the next pull does.
        let ended = self.end();
        if ended.is_ok() && self.has_checkpoint() {
            let name = bitmaps::name(self.point);
            let _ = checkpoints::remove(&self.virsh, &self.uuid, &name);
        }
    }
}
