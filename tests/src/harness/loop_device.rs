//! Loop devices: block devices of any size, for whoever may make them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::tools::{client, skipped};

/// A loop device over a file; detached at the end.
#[derive(Debug)]
pub(crate) struct Loop {
    pub(crate) device: PathBuf,
    file: PathBuf,
}

impl Loop {
    /// A device over a new file of `bytes`; says why and returns nothing where none can be made.
    pub(crate) fn new(file: &Path, bytes: usize) -> Option<Self> {
        let root = nix::unistd::geteuid().is_root();
        let control = Path::new("/dev/loop-control").exists();
        if !root || !control {
            skipped(&format!("needs root ({root}) and /dev/loop-control ({control})"));
            return None;
        }
        let made = File::create_new(file).expect("a new file");
        made.set_len(bytes as u64).expect("room for the file");
        let mut losetup = Command::new("losetup");
        let attached = losetup.args(["--find", "--show"]).arg(file).output().ok()?;
        if !attached.status.success() {
            // Root in a container may not.
            skipped(String::from_utf8_lossy(&attached.stderr).trim());
            return None;
        }
        let device = String::from_utf8_lossy(&attached.stdout).trim().into();
        Some(Self { device, file: file.into() })
    }

    /// Takes everything from `bytes` away from under the device: it keeps its size, and reads
    /// beyond fail.
    pub(crate) fn cut(&self, bytes: usize) {
        let file = File::options().write(true).open(&self.file).expect("the file of the device");
        file.set_len(bytes as u64).expect("a shorter file");
        // Somebody who has the device open for a moment keeps what was written to it cached.
        client("blockdev", &["--flushbufs", &self.device.to_string_lossy()]);
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        client("losetup", &["--detach", &self.device.to_string_lossy()]);
    }
}
