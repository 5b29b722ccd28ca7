//! The files of systemd-networkd that are ours.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Ours, whichever interface they are of.
const BEGIN: &str = "10-holdfast-";
const END: &str = ".network";

/// Writes the file of an interface. It is there as a whole or as it was before, whatever ends this.
pub(crate) fn save(folder: &Path, interface: &str, text: &str) -> io::Result<PathBuf> {
    let path = path(folder, interface);
    let part = path.with_added_extension("part");
    let mut file = File::create(&part)?;
    file.write_all(text.as_bytes())?;
    // Nothing in it is secret, and networkd is not root.
    file.set_permissions(fs::Permissions::from_mode(0o644))?;
    file.sync_all()?;
    fs::rename(&part, &path)?;
    File::open(folder)?.sync_all()?;
    Ok(path)
}

/// Where the file of an interface is.
pub(super) fn path(folder: &Path, interface: &str) -> PathBuf {
    folder.join(format!("{BEGIN}{interface}{END}"))
}

/// Removes all that are ours, and says how many there were.
pub(crate) fn forget(folder: &Path) -> io::Result<usize> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut removed = 0;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let whole = name.strip_suffix(".part").unwrap_or(&name);
        if whole.starts_with(BEGIN) && whole.ends_with(END) {
            fs::remove_file(entry.path())?;
            removed += 1;
        }
    }
    File::open(folder)?.sync_all()?;
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_replaces_the_one_before_and_leaves_no_part() {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path(), "eth0", "one").unwrap();
        let path = save(folder.path(), "eth0", "two").unwrap();
        assert_eq!(path, folder.path().join("10-holdfast-eth0.network"));
        assert_eq!(fs::read_to_string(path).unwrap(), "two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn only_what_is_ours_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let names = ["20-other.network", "10-holdfast-eth0.link", "10-holdfast-eth1.network.part"];
        for name in names {
            fs::write(path(name), "").unwrap();
        }
        save(folder.path(), "eth0", "").unwrap();
        assert_eq!(forget(folder.path()).unwrap(), 2);
        assert!(path(names[0]).exists() && path(names[1]).exists());
        assert_eq!(forget(&path("none")).unwrap(), 0);
    }
}
