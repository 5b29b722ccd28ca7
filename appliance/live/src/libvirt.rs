//! Disks of a virtual machine that libvirt looks after.
//!
//! libvirt is told by its own command, `virsh`, which speaks all of its transports, to begin a
//! backup in pull mode: QEMU serves all wanted disks over NBD as they were at one moment, and
//! begins a checkpoint, which notes what is written from then on. Checkpoints are named after the
//! recovery point that they begin at, as bitmaps are. Checkpoints and backups of other names are
//! somebody else's, and left alone.

use std::path::PathBuf;

use model::PointId;

use crate::error::Result;
use crate::held::Held;
use crate::still::Stillness;
use crate::{bitmaps, room};

mod checkpoints;
mod disks;
mod freeze;
mod held;
mod job;
mod place;
mod scratch;
mod virsh;
mod xml;

use freeze::Agent;
use held::HeldDomain;
use place::Place;
use virsh::Virsh;

/// Debian has it in the package libvirt-clients.
const VIRSH: &str = "virsh";

/// Whether it is still wanted.
type Stopped<'a> = &'a dyn Fn() -> bool;

/// A virtual machine of libvirt's, and which of its disks are taken.
#[derive(Debug, Clone)]
pub struct Domain {
    /// The hypervisor: `qemu:///system`, `qemu+ssh://root@host/system`.
    pub uri: String,
    /// What libvirt calls the machine.
    pub name: String,
    /// Disks by their targets, `vda`; none for all that the machine can write to.
    pub disks: Vec<String>,
    /// Disks that are left out.
    pub excluded: Vec<String>,
}

impl Domain {
    /// Holds the machine's disks as they are at one moment. A checkpoint for `point` begins then.
    /// The guest is frozen meanwhile, if its agent does that; if not, the disks are held all the
    /// same. What was written since the recovery point `since` can be asked afterwards.
    ///
    /// # Errors
    /// The machine runs on as before.
    pub fn hold(
        &self,
        point: PointId,
        since: Option<PointId>,
        stopped: &dyn Fn() -> bool,
    ) -> Result<Box<dyn Held>> {
        self.hold_by(VIRSH.into(), point, since, stopped)
    }

    /// Thaws the guest, of which somebody may have asked that it freezes, and was cut off. Tries
    /// for ten minutes at most.
    pub fn thaw(&self) {
        let virsh = Virsh::new(VIRSH.into(), &self.uri);
        let find = || disks::find(&virsh, &self.name, &|| false);
        if let Some(machine) = freeze::until_found(find) {
            freeze::thaw(&virsh, &machine.uuid);
        }
    }

    fn hold_by(
        &self,
        program: PathBuf,
        point: PointId,
        since: Option<PointId>,
        stopped: Stopped<'_>,
    ) -> Result<Box<dyn Held>> {
        let virsh = Virsh::new(program, &self.uri);
        let place = Place::of(&self.uri)?;
        let machine = disks::find(&virsh, &self.name, stopped)?;
        machine.demand_running()?;
        let disks = machine.choose(&virsh, &self.disks, &self.excluded, stopped)?;
        job::end_left(&virsh, &machine, stopped)?;
        let covered = checkpoints::sweep(&virsh, &machine.uuid, &disks, since, stopped)?;
        let scratch = scratch::plan(&disks, &machine.uuid, point);
        if place.is_local() {
            let sizes = disks.iter().map(|disk| disk.size.unwrap_or(0));
            room::check(scratch.iter().map(PathBuf::as_path).zip(sizes))?;
        }
        let agent = freeze::agent(&virsh, &machine.uuid, stopped)?;
        let since = since.filter(|_| !covered.is_empty()).map(bitmaps::name);
        let wanted = job::Wanted { point, since, covered, disks: &disks, scratch: &scratch };
        let mut held = HeldDomain::new(virsh, &machine, &disks, point);
        let still = match agent {
            Agent::Connected => Some(freeze::begin(&held.virsh, &machine.uuid, stopped)),
            _ => None,
        };
        let begun = job::begin(&held.virsh, &machine.uuid, &place, &wanted, stopped);
        let outcome = still.map(Stillness::end).or_else(|| agent.outcome());
        match begun {
            Ok(begun) => held.begun(begun, outcome),
            Err(error) => {
                held.given_up(&error);
                return Err(error);
            }
        }
        Ok(Box::new(held))
    }
}

#[cfg(test)]
mod tests;
