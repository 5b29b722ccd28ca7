//! File systems that are full early: a device over a file on one of them starts to fail.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::tools::{client, skipped};

/// A file system in memory with room for so many bytes; unmounted at the end.
#[derive(Debug)]
pub(crate) struct SmallRoom {
    folder: PathBuf,
}

impl SmallRoom {
    /// Mounts one at a new folder; says why and returns nothing where that may not be.
    pub(crate) fn new(folder: &Path, bytes: usize) -> Option<Self> {
        std::fs::create_dir(folder).expect("a new folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"]).arg(folder);
        let mounted = mount.output().ok()?;
        if !mounted.status.success() {
            skipped(String::from_utf8_lossy(&mounted.stderr).trim());
            return None;
        }
        Some(Self { folder: folder.into() })
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Makes room for so many bytes in all: what failed for want of it works again.
    pub(crate) fn grow(&self, bytes: usize) {
        let folder = self.folder.to_string_lossy();
        client("mount", &["-o", &format!("remount,size={bytes}"), &folder]);
    }
}

impl Drop for SmallRoom {
    fn drop(&mut self) {
        // A test that fails leaves a device on it; its own message is the one to read.
        let _ = Command::new("umount").arg("--lazy").arg(&self.folder).status();
    }
}
