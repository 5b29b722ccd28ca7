//! Room for what a guest overwrites while its disks are held.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use model::Bytes;

use crate::error::{LiveError, Result};

/// There must be room for one byte in so many of the disks.
const ONE_IN: u64 = 16;

/// Refuses to begin where scratch images may not find room, for disks of so many bytes. Those on
/// one file system share it.
pub(crate) fn check<'a>(scratch: impl Iterator<Item = (&'a Path, u64)>) -> Result<()> {
    let mut wanted: BTreeMap<u64, (PathBuf, u64)> = BTreeMap::new();
    for (image, bytes) in scratch {
        let folder = image.parent().unwrap_or(Path::new("/"));
        // Where the hypervisor has another view of the file system nobody can tell.
        let Ok(found) = folder.metadata() else { continue };
        let (_, sum) = wanted.entry(found.dev()).or_insert_with(|| (folder.to_owned(), 0));
        *sum = sum.saturating_add(bytes / ONE_IN);
    }
    for (folder, wanted) in wanted.into_values() {
        let Ok(found) = rustix::fs::statvfs(&folder) else { continue };
        let free = found.f_bavail.saturating_mul(found.f_frsize);
        if free < wanted {
            return Err(LiveError::NoRoom { folder, free: Bytes(free), wanted: Bytes(wanted) });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disks_share_the_room_of_a_file_system_whatever_folder_they_are_in() {
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join("other");
        std::fs::create_dir(&other).unwrap();
        let free = rustix::fs::statvfs(folder.path()).unwrap();
        let half = (free.f_bavail * free.f_frsize / 10 * 7).saturating_mul(ONE_IN);
        let (one, two) = (folder.path().join("a"), other.join("b"));
        check([(one.as_path(), half), (two.as_path(), 0)].into_iter()).unwrap();
        let both = check([(one.as_path(), half), (two.as_path(), half)].into_iter());
        assert!(matches!(both, Err(LiveError::NoRoom { .. })), "{both:?}");
        check([(Path::new("/no/such/folder/c"), u64::MAX)].into_iter()).unwrap();
    }
}
