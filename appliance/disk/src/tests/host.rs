//! Loop devices and mounts of this machine, taken down when they go out of scope.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard};

use crate::create_file;

/// Whether this process may set up loop devices and mounts; says so when it may not.
pub(super) fn is_able() -> bool {
    let root = is_root();
    let control = Path::new("/dev/loop-control").exists();
    let tools = ["losetup", "mkfs.ext4", "mount"].iter().all(|tool| run(tool, &["-V"]).is_some());
    if !(root && control && tools) {
        eprintln!("skipped: needs root ({root}), /dev/loop-control ({control}), tools ({tools})");
        return false;
    }
    let allowed = *ALLOWED.get_or_init(is_allowed);
    if !allowed {
        eprintln!("skipped: this machine allows no loop devices or no mounts");
    }
    allowed
}

static ALLOWED: OnceLock<bool> = OnceLock::new();

/// Root in a container may have neither, although everything is there.
fn is_allowed() -> bool {
    let folder = tempfile::tempdir().unwrap();
    let (file, mount) = (folder.path().join("file"), folder.path().join("mount"));
    create_file(&file, 1 << 20).unwrap();
    std::fs::create_dir(&mount).unwrap();
    let device = run("losetup", &["--find", "--show", text(&file)]);
    let detached = device.is_some_and(|device| run("losetup", &["--detach", &device]).is_some());
    let mounted = run("mount", &["-t", "tmpfs", "tmpfs", text(&mount)]).is_some();
    detached && mounted && run("umount", &[text(&mount)]).is_some()
}

fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status")
        .is_ok_and(|status| status.lines().any(|line| line.starts_with("Uid:\t0\t0\t")))
}

/// Held while a child process is started: it shares all open files until it runs its program, so a
/// device that another test has closed would still be held.
static STARTING: RwLock<()> = RwLock::new(());

/// Keeps other tests from starting processes.
pub(super) fn without_children() -> RwLockReadGuard<'static, ()> {
    STARTING.read().unwrap_or_else(PoisonError::into_inner)
}

/// The output of a command that succeeded.
fn run(program: &str, arguments: &[&str]) -> Option<String> {
    let _starting = STARTING.write().unwrap_or_else(PoisonError::into_inner);
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A loop device over a file.
pub(super) struct Loop {
    pub(super) device: PathBuf,
}

impl Loop {
    pub(super) fn over(file: &Path) -> Self {
        let device = run("losetup", &["--find", "--show", text(file)]).expect("a loop device");
        Self { device: device.into() }
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        run("losetup", &["--detach", text(&self.device)]);
    }
}

/// A mounted file system.
pub(super) struct Mounted {
    pub(super) folder: tempfile::TempDir,
}

impl Mounted {
    /// A file system that needs no device, such as tmpfs.
    pub(super) fn virtual_one(kind: &str, options: &str) -> Self {
        Self::mount(&["-t", kind, "-o", options, kind])
    }

    /// A fresh ext4 without a journal, so that it goes on after write errors.
    pub(super) fn ext4(device: &Path) -> Self {
        let no_journal = ["-q", "-F", "-O", "^has_journal", "-E", "nodiscard", text(device)];
        run("mkfs.ext4", &no_journal).expect("an ext4");
        Self::mount(&["-o", "errors=continue", text(device)])
    }

    fn mount(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let all = [arguments, &[text(folder.path())]].concat();
        run("mount", &all).expect("a mount");
        Self { folder }
    }

    /// A new sparse file in it.
    pub(super) fn file(&self, bytes: u64) -> PathBuf {
        let path = self.folder.path().join("disk");
        create_file(&path, bytes).unwrap();
        path
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        run("umount", &[text(self.folder.path())]);
    }
}

/// Cuts the file behind a loop device short.
pub(super) fn cut(path: &Path, bytes: u64) {
    File::options().write(true).open(path).unwrap().set_len(bytes).unwrap();
}
