//! The engine as a service: under a real systemd, with D-Bus, polkit and the journal, in a
//! container.
//!
//! The container is Debian with what the image has for the engine (`image/files`), nothing in it
//! changed, and the programs of this checkout. This program goes into it as well and tells a story
//! there: it makes a pool, has the service manager start, restart and kill the engine, and judges
//! by what other people's tools say (`systemctl`, `busctl`, `journalctl`, `qemu-io`). At the end it
//! sets up the network at the console and has the box restart there. Everything happens in name
//! spaces that end with it: whatever stops it, no mount or process stays behind.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cache;
use crate::debian::{self, Package, bootstrap};
use crate::error::{Error, Result};
use crate::process::{cargo, command, quiet, shown, target_folder};

mod agent;
mod alerts;
mod bus;
mod callers;
mod console;
mod container;
mod ending;
mod exports;
mod jobs;
mod large;
mod machine;
mod manage;
mod screen;
mod set_up;
mod story;
mod time;
mod tools;
mod units;

pub(crate) use container::boot;
pub(crate) use story::tell;

#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct Args {
    /// Only see how soon the engine, as it is shipped, is ready with 10 million chunks
    #[arg(long)]
    large: bool,
}

const NEEDED: &[Package] =
    &[Package { name: "systemd-container", why: "systemd-nspawn boots a system in a container" }];

/// curl is a client of the management daemon; systemd-resolved has the servers for names that
/// somebody types at the console; chrony is the box's and that of a server of time, for which
/// openssl makes a certificate.
const PACKAGES: &str = "systemd-sysv,dbus,polkitd,systemd-resolved,qemu-utils,curl,chrony,openssl";

/// Boots the container and goes through the story. Needs root, and an operating system in which
/// root may mount; half a minute when Debian's packages are in the cache.
pub(crate) fn run(args: Args) -> Result<()> {
    debian::demand_root("systemd is tested in a container, which mounts file systems")?;
    debian::ensure(NEEDED)?;
    demand_name_spaces()?;
    let mut build = cargo();
    // As the tests before have built them; how long the shipped one takes, only that one tells.
    build.args(["build", "--locked", "--workspace", "--bins"]);
    shown(build.args(args.large.then_some("--release")))?;
    let release = debian::release()?;
    let recipe = [PACKAGES, &release, include_str!("debian/bootstrap.rs")];
    let tree = cache::entry("service", &recipe, |folder| {
        println!("    installing Debian {release} with systemd, D-Bus and polkit");
        bootstrap::install(&release, PACKAGES, &folder.join("tree"))
    })?;
    let target = target_folder();
    // Of the same user as the checkout, on a file system that has disks below it.
    let state = tempfile::tempdir_in(&target).map_err(Error::io(&target))?;
    boot_apart(&tree.join("tree"), state.path(), args)
}

/// What a process needs that may mount what it likes and leaves nothing behind.
const APART: [&str; 5] = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];

/// Fails with a sentence for the user where root is not allowed what a container needs.
fn demand_name_spaces() -> Result<()> {
    quiet(command("unshare").args(APART).arg("true")).map(drop).map_err(|error| Error::Needs {
        what:
            "run on a machine, in a virtual machine, or in a container that was started with all \
               privileges"
                .into(),
        why: format!("root may not mount here, and a container needs that: {error}"),
    })
}

/// In a process of its own, which may mount what it likes.
fn boot_apart(tree: &Path, state: &Path, args: Args) -> Result<()> {
    let own = Path::new("/proc/self/exe");
    let own = fs::read_link(own).map_err(Error::io(own))?;
    // The tests before may have had it built anew, in its own place.
    let place = own.to_string_lossy();
    let own = place.strip_suffix(" (deleted)").unwrap_or(&place);
    let mut unshare = command("unshare");
    unshare.args(APART).arg(own).arg("container").arg(tree).arg(state);
    shown(unshare.args(args.words()))
}

impl Args {
    /// The same for another process.
    fn words(self) -> Option<&'static str> {
        self.large.then_some("--large")
    }

    /// A program of this checkout, as `run` has built it.
    fn program(self, name: &str) -> PathBuf {
        target_folder().join(if self.large { "release" } else { "debug" }).join(name)
    }
}
