//! The file system inside a disk image, mounted so that programs of that system can run in it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, Result};
use crate::process::{command, quiet};

/// Unmounted when dropped; [`Mounted::close`] also reports a failure to do so.
#[derive(Debug)]
pub(crate) struct Mounted {
    root: PathBuf,
}

impl Mounted {
    /// Mounts the ext4 file system that begins at `offset` bytes of `image`. The kernel cannot be
    /// relied on to make partition devices of a loop device, so the offset is given to it instead.
    pub(crate) fn open(image: &Path, offset: u64, root: &Path) -> Result<Self> {
        std::fs::create_dir_all(root).map_err(Error::io(root))?;
        let options = format!("loop,offset={offset}");
        quiet(command("mount").args(["-t", "ext4", "-o", &options]).arg(image).arg(root))?;
        Ok(Self { root: root.to_path_buf() })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Mounts what its programs look for: package scripts look for processes, the boot loader for
    /// the loop device, PostgreSQL for shared memory.
    pub(crate) fn prepare_for_programs(&self) -> Result<()> {
        quiet(command("mount").args(["-t", "proc", "proc"]).arg(self.root.join("proc")))?;
        quiet(command("mount").args(["--bind", "/dev"]).arg(self.root.join("dev")))?;
        quiet(command("mount").args(["-t", "tmpfs", "shm"]).arg(self.root.join("dev/shm")))?;
        Ok(())
    }

    /// A program of the system inside, as its root.
    pub(crate) fn program(&self, name: &str) -> Command {
        self.program_as("root", name)
    }

    /// The same as a user of that system. Folders named by this process's environment do not exist
    /// in there; what it says of proxies holds.
    pub(crate) fn program_as(&self, user: &str, name: &str) -> Command {
        let mut chroot = command("chroot");
        chroot.arg(format!("--userspec={user}:{user}")).arg(&self.root).arg(name);
        chroot
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("DEBIAN_FRONTEND", "noninteractive");
        chroot.env_remove("TMPDIR").env("HOME", "/");
        chroot
    }

    /// Writes a file of the system inside; `path` is relative to its root.
    pub(crate) fn write(&self, path: &str, text: &str) -> Result<()> {
        let path = self.root.join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
        }
        std::fs::write(&path, text).map_err(Error::io(&path))
    }

    pub(crate) fn remove(&self, path: &str) -> Result<()> {
        let path = self.root.join(path);
        std::fs::remove_file(&path).map_err(Error::io(&path))
    }

    /// Gives the room of deleted files back to the image file, then writes everything out.
    pub(crate) fn close(self) -> Result<()> {
        quiet(command("fstrim").arg(&self.root))?;
        quiet(command("umount").arg("--recursive").arg(&self.root))?;
        Ok(())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Fails after `close`, which has already done it.
        let _ = command("umount").args(["--quiet", "--recursive"]).arg(&self.root).output();
    }
}
