//! Where QEMU puts what the guest overwrites while its disks are held.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use model::{Bytes, PointId};

use super::disks::MachineDisk;
use crate::error::{LiveError, Result};

/// Where a disk is no file.
const ELSEWHERE: &str = "/var/tmp";

/// There must be room for one byte in so many of the disks.
const ROOM_ONE_IN: u64 = 16;

/// A scratch image for each disk, beside its own. libvirt makes and removes them, and takes none
/// that is there: what a crash of the host left is in nobody's way.
pub(super) fn plan(disks: &[MachineDisk], uuid: &str, point: PointId) -> Vec<PathBuf> {
    let beside = |disk: &MachineDisk| match &disk.file {
        Some(file) => {
            let mut path = file.as_os_str().to_owned();
            path.push(format!(".holdfast-{point}"));
            path.into()
        }
        None => Path::new(ELSEWHERE).join(format!("holdfast-{uuid}-{}-{point}", disk.target)),
    };
    disks.iter().map(beside).collect()
}

/// Refuses to begin where there is no room for what the guest may overwrite meanwhile: its writes
/// would fail.
pub(super) fn check_room(disks: &[MachineDisk], scratch: &[PathBuf]) -> Result<()> {
    let mut folders: BTreeMap<&Path, u64> = BTreeMap::new();
    for (disk, path) in disks.iter().zip(scratch) {
        let wanted = folders.entry(path.parent().unwrap_or(Path::new("/"))).or_default();
        *wanted = wanted.saturating_add(disk.size.unwrap_or(0) / ROOM_ONE_IN);
    }
    for (folder, wanted) in folders {
        // Where libvirt has another view of the file system nobody can tell.
        let Ok(found) = rustix::fs::statvfs(folder) else { continue };
        let free = found.f_bavail.saturating_mul(found.f_frsize);
        if free < wanted {
            let folder = folder.to_owned();
            return Err(LiveError::NoRoom { folder, free: Bytes(free), wanted: Bytes(wanted) });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_all_disks_of_a_folder_together() {
        let folder = tempfile::tempdir().unwrap();
        let free = rustix::fs::statvfs(folder.path()).unwrap();
        let free = free.f_bavail * free.f_frsize;
        let disk = |name: &str, size| MachineDisk {
            target: name.to_owned(),
            file: Some(folder.path().join(name)),
            size: Some(size),
            tells: true,
        };
        let half = disk("a", free / 2 * ROOM_ONE_IN / 10 * 9);
        let check = |disks: &[MachineDisk]| check_room(disks, &plan(disks, "u", PointId([1; 16])));
        check(&[half.clone(), disk("b", 0)]).unwrap();
        let all = [half.clone(), half.clone(), half];
        assert!(matches!(check(&all), Err(LiveError::NoRoom { .. })));
    }

    #[test]
    fn every_disk_has_a_scratch_image_of_its_own() {
        let disk = |target: &str, file: Option<&str>| MachineDisk {
            target: target.to_owned(),
            file: file.map(Into::into),
            size: None,
            tells: false,
        };
        let disks = [disk("vda", Some("/vm/a b")), disk("vdb", None), disk("vdc", None)];
        let point = PointId([0x0f; 16]);
        let paths = plan(&disks, "u", point);
        assert_eq!(paths[0], Path::new(&format!("/vm/a b.holdfast-{point}")));
        assert_eq!(paths[1], Path::new(ELSEWHERE).join(format!("holdfast-u-vdb-{point}")));
        assert_ne!(paths[1], paths[2]);
    }
}
