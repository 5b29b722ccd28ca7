//! Checkpoints: what libvirt knows of what was written since a recovery point.
//!
//! libvirt lists them for a machine, and each has a bitmap in the images that it covers. Of ours
//! only the one is needed that began with the newest recovery point; an older one, and one that a
//! pull left that came to nothing, can go at any time: libvirt keeps what those that stay need.

use std::path::PathBuf;

use model::PointId;

use super::disks::{MachineDisk, is_off};
use super::virsh::{PATIENCE, SOON, Virsh};
use super::xml::{attributes, values};
use super::{Stopped, bitmaps};
use crate::error::{LiveError, Result};

/// Checkpoints of ours that are looked at, at most: others wait for the next pull.
const MAX_SEEN: usize = 64;

/// Digits of a recovery point.
const DIGITS: usize = 32;

/// Removes checkpoints of these disks but that of `since`, and gives the disks that it covers.
/// Checkpoints of disks that are not among these are another system's.
pub(super) fn sweep(
    virsh: &Virsh,
    uuid: &str,
    disks: &[MachineDisk],
    since: Option<PointId>,
    stopped: Stopped<'_>,
) -> Result<Vec<String>> {
    let kept = since.map(bitmaps::name);
    let mut covered = Vec::new();
    for name in ours(virsh, uuid, stopped)? {
        let covers = covers(virsh, uuid, &name, stopped)?;
        let is_covered = |disk: &&MachineDisk| covers.contains(&disk.target);
        match Some(&name) == kept.as_ref() {
            true => {
                let files = files(virsh, uuid, &name, stopped)?;
                let is_same = |disk: &&MachineDisk| {
                    let file = files.iter().find(|(target, _)| *target == disk.target);
                    file.is_some_and(|(_, file)| disk.file.as_deref() == Some(file.as_path()))
                };
                let covers = disks.iter().filter(|disk| disk.tells).filter(is_covered);
                covered = covers.filter(is_same).map(|disk| disk.target.clone()).collect();
            }
            false if disks.iter().any(|disk| is_covered(&disk)) => {
                remove(virsh, uuid, &name, stopped)?;
            }
            false => {}
        }
    }
    Ok(covered)
}

fn ours(virsh: &Virsh, uuid: &str, stopped: Stopped<'_>) -> Result<Vec<String>> {
    let domain = format!("--domain={uuid}");
    let listed = virsh.run(&["checkpoint-list", &domain, "--name"], SOON, stopped)?;
    let ours = listed.lines().map(str::trim).filter(|name| is_ours(name));
    Ok(ours.take(MAX_SEEN).map(str::to_owned).collect())
}

/// Whether this is what a checkpoint of a recovery point is called.
fn is_ours(name: &str) -> bool {
    let point = name.strip_prefix(bitmaps::OURS);
    point.is_some_and(|point| point.len() == DIGITS && point.parse::<PointId>().is_ok())
}

fn covers(virsh: &Virsh, uuid: &str, name: &str, stopped: Stopped<'_>) -> Result<Vec<String>> {
    let (domain, name) = (format!("--domain={uuid}"), format!("--checkpointname={name}"));
    let path = "--xpath=/domaincheckpoint/disks/disk[@checkpoint='bitmap']/@name";
    let printed =
        virsh.run(&["checkpoint-dumpxml", &domain, &name, "--no-domain", path], SOON, stopped);
    printed.map(|printed| values(&printed))
}

/// Which image each disk had when a checkpoint was begun: images may have changed places since, and
/// a copy has the bitmaps of what it was copied from.
fn files(
    virsh: &Virsh,
    uuid: &str,
    name: &str,
    stopped: Stopped<'_>,
) -> Result<Vec<(String, PathBuf)>> {
    let (domain, name) = (format!("--domain={uuid}"), format!("--checkpointname={name}"));
    let disk = "/domaincheckpoint/domain/devices/disk";
    let path = format!("--xpath={disk}/source/@file | {disk}/target/@dev");
    let printed = virsh.run(&["checkpoint-dumpxml", &domain, &name, &path], SOON, stopped)?;
    let (mut all, mut last) = (Vec::new(), None);
    for (name, value) in attributes(&printed) {
        match name {
            "file" => last = Some(PathBuf::from(value)),
            "dev" => all.extend(last.take().map(|file| (value, file))),
            _ => {}
        }
    }
    Ok(all)
}

/// Removes one if libvirt has it.
pub(super) fn remove_if_there(virsh: &Virsh, uuid: &str, name: &str) -> Result<()> {
    match ours(virsh, uuid, &|| false)?.iter().any(|known| known == name) {
        true => remove(virsh, uuid, name, &|| false),
        false => Ok(()),
    }
}

/// Removes one, with its bitmaps; where libvirt finds those broken, as after a crash of QEMU, what
/// it knows of it. While the machine is off its bitmaps cannot go, and the checkpoint stays:
/// whoever pulls it next removes it.
pub(super) fn remove(virsh: &Virsh, uuid: &str, name: &str, stopped: Stopped<'_>) -> Result<()> {
    let (domain, name) = (format!("--domain={uuid}"), format!("--checkpointname={name}"));
    match virsh.run(&["checkpoint-delete", &domain, &name], PATIENCE, stopped) {
        Err(LiveError::Libvirt { .. }) if !is_off(virsh, uuid, stopped)? => {
            let known = ["checkpoint-delete", &domain, &name, "--metadata"];
            virsh.run(&known, SOON, stopped).map(drop)
        }
        removed => removed.map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_peoples_checkpoints_are_left_alone() {
        assert!(is_ours(&bitmaps::name(PointId([0xab; 16]))));
        for other in
            ["holdfast-1", "virtnbdbackup.0", "", "-x", "holdfast-", "holdfast-before-update"]
        {
            assert!(!is_ours(other), "{other}");
        }
    }
}
