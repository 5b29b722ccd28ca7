//! What the guest boots: Debian's kernel, and an initial file system with our programs, what they
//! need from Debian, and nothing else.
//!
//! Debian's packages are unpacked once, into the cache. The initial file system is made anew for
//! each run, in a tenth of the time that it would take to tell whether a cached one is current.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::archive::Archive;
use crate::cache;
use crate::debian::{self, bootstrap};
use crate::error::{Error, Result};
use crate::fuzz;
use crate::process::{cargo, command, quiet, shown, workspace};

const PACKAGES: &str = "linux-image-cloud-amd64,dmsetup,qemu-guest-agent";

/// Drivers in the order in which they need one another, below the folder of the kernel's drivers.
const MODULES: &[&str] = &[
    "virtio/virtio_ring.ko",
    "virtio/virtio.ko",
    "virtio/virtio_pci_modern_dev.ko",
    "virtio/virtio_pci_legacy_dev.ko",
    "virtio/virtio_pci.ko",
    "block/virtio_blk.ko",
    "char/virtio_console.ko",
    "md/dm-mod.ko",
    "md/dm-flakey.ko",
    "md/dm-delay.ko",
];

/// Where Debian has libraries, and where programs look for the one that loads the others.
const LIBRARIES: &str = "lib/x86_64-linux-gnu";
const MORE_LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";
const LOADER: &str = "ld-linux-x86-64.so.2";

const FOLDERS: &[&str] =
    &["bin", "dev", "lib", LIBRARIES, "lib64", "modules", "proc", "sys", "tmp"];

#[derive(Debug)]
pub(super) struct System {
    pub(super) kernel: PathBuf,
    pub(super) initial: PathBuf,
}

/// The programs that `cargo xtask soak --guest` is made of, as strict as in tests.
#[derive(Debug)]
pub(super) struct Programs {
    folder: PathBuf,
}

impl Programs {
    pub(super) fn build() -> Result<Self> {
        let mut build = cargo();
        build.args(["build", "--release", "--locked", "-p", "holdfast", "--bin", "holdfast"]);
        build.args(["-p", "tests", "--bin", "guest", "--bin", "replay"]);
        build.args(fuzz::CHECKED.iter().flat_map(|setting| ["--config", setting]));
        shown(&mut build)?;
        let target = std::env::var_os("CARGO_TARGET_DIR");
        let target = target.map_or_else(|| workspace().join("target"), PathBuf::from);
        Ok(Self { folder: target.join("release") })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl System {
    /// Puts the initial file system of crashes and faults into `folder`.
    pub(super) fn ready(programs: &Programs, folder: &Path) -> Result<Self> {
        let [guest, holdfast] = ["guest", "holdfast"].map(|name| programs.path(name));
        Self::of(folder, |tree| {
            let dmsetup = tree.join("sbin/dmsetup");
            vec![("init", guest), ("bin/holdfast", holdfast), ("bin/dmsetup", dmsetup)]
        })
    }

    /// Puts one with QEMU's agent into `folder`.
    pub(super) fn with_agent(guest: PathBuf, folder: &Path) -> Result<Self> {
        let agent = |tree: &Path| tree.join("usr/sbin/qemu-ga");
        Self::of(folder, |tree| vec![("init", guest), ("bin/qemu-ga", agent(tree))])
    }

    fn of(
        folder: &Path,
        placed: impl FnOnce(&Path) -> Vec<(&'static str, PathBuf)>,
    ) -> Result<Self> {
        let release = debian::release()?;
        let recipe = [PACKAGES, &release, include_str!("../debian/bootstrap.rs")];
        let tree = cache::entry("guest", &recipe, |folder| {
            println!("    unpacking the kernel of Debian {release}");
            bootstrap::unpack(&[&release], PACKAGES, &folder.join("tree"))
        })?;
        let tree = tree.join("tree");
        let initial = folder.join("initial");
        let bytes = initial_files(&placed(&tree), &tree)?;
        fs::write(&initial, bytes).map_err(Error::io(&initial))?;
        Ok(Self { kernel: only(&tree.join("boot"), "vmlinuz-")?, initial })
    }
}

fn initial_files(placed: &[(&str, PathBuf)], tree: &Path) -> Result<Vec<u8>> {
    let mut archive = Archive::default();
    FOLDERS.iter().for_each(|folder| archive.folder(folder));
    // Before the guest has mounted anything, its first process needs these two.
    archive.device("dev/console", (5, 1));
    archive.device("dev/null", (1, 3));
    let mut libraries = BTreeSet::new();
    for (name, path) in placed {
        archive.file(name, &without_symbols(path)?);
        libraries.extend(libraries_of(path, tree)?);
    }
    for library in libraries {
        let name = library.file_name().unwrap_or_default().to_string_lossy().into_owned();
        archive.file(&format!("{LIBRARIES}/{name}"), &read(&library)?);
    }
    archive.file(&format!("lib64/{LOADER}"), &read(&tree.join(LIBRARIES).join(LOADER))?);
    add_modules(&mut archive, tree)?;
    Ok(archive.finish())
}

fn add_modules(archive: &mut Archive, tree: &Path) -> Result<()> {
    let drivers = only(&tree.join("lib/modules"), "")?.join("kernel/drivers");
    let mut order = String::new();
    for module in MODULES {
        let path = drivers.join(module);
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        archive.file(&format!("modules/{name}"), &read(&path)?);
        order.push_str(&name);
        order.push('\n');
    }
    archive.file("modules/order", order.as_bytes());
    Ok(())
}

/// The libraries of a program, as the tree's own loader finds them: `NAME => PATH (ADDRESS)`.
fn libraries_of(program: &Path, tree: &Path) -> Result<Vec<PathBuf>> {
    let base = tree.join(LIBRARIES);
    let mut list = command(base.join(LOADER));
    let path = format!("{}:{}", base.display(), tree.join(MORE_LIBRARIES).display());
    let listed = quiet(list.arg("--library-path").arg(path).arg("--list").arg(program))?;
    let found = listed.lines().filter_map(|line| line.split_once(" => "));
    Ok(found.filter_map(|(_, rest)| rest.split(" (").next()).map(PathBuf::from).collect())
}

/// The program without what only debuggers read: two thirds of it, which the guest would unpack.
fn without_symbols(program: &Path) -> Result<Vec<u8>> {
    let stripped = tempfile::NamedTempFile::new().map_err(Error::io(program))?;
    quiet(command("strip").arg("-o").arg(stripped.path()).arg(program))?;
    read(stripped.path())
}

/// The only entry of a folder whose name begins like this.
fn only(folder: &Path, start: &str) -> Result<PathBuf> {
    let entries = fs::read_dir(folder).map_err(Error::io(folder))?;
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let named = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start))
    };
    let found: Vec<PathBuf> = paths.filter(named).collect();
    match &found[..] {
        [one] => Ok(one.clone()),
        _ => Err(Error::Unexpected {
            from: folder.display().to_string(),
            what: format!("{} entries {start}*, not one", found.len()),
        }),
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(Error::io(path))
}
