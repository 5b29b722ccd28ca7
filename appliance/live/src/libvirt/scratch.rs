//! Where QEMU puts what the guest overwrites while its disks are held.

use std::path::{Path, PathBuf};

use model::PointId;

use super::disks::MachineDisk;

/// Where a disk is no file.
const ELSEWHERE: &str = "/var/tmp";

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

#[cfg(test)]
mod tests {
    use super::*;

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
