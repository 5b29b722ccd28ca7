//! QEMU, unpacked from Debian packages into the cache.
//!
//! Not installed on the machine: a QEMU from elsewhere (backports, for one) cannot live beside the
//! release's own, and a demo must not change which one a machine has. The tree is never entered;
//! its loader starts the program with the tree's libraries, so it sees the machine's files.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache;
use crate::debian::{self, bootstrap};
use crate::error::Result;
use crate::process::command;

const PACKAGES: &str = "qemu-system-x86,qemu-utils,seabios,ovmf";

#[derive(Debug)]
pub(crate) struct Tools {
    tree: PathBuf,
}

impl Tools {
    /// Takes them from the cache, or downloads them (about 200 MB unpacked).
    pub(crate) fn ready() -> Result<Self> {
        let release = debian::release()?;
        let recipe = [PACKAGES, &release, include_str!("../debian/bootstrap.rs")];
        let tree = cache::entry("tools", &recipe, |folder| {
            println!("    unpacking QEMU of Debian {release}");
            bootstrap::unpack(&[&release], PACKAGES, &folder.join("tree"))
        })?;
        Ok(Self { tree: tree.join("tree") })
    }

    /// The emulator, told where its firmware is.
    pub(crate) fn qemu(&self) -> Command {
        let mut qemu = self.program("qemu-system-x86_64");
        for folder in ["usr/share/qemu", "usr/share/seabios"] {
            qemu.arg("-L").arg(self.tree.join(folder));
        }
        qemu
    }

    pub(super) fn qemu_img(&self) -> Command {
        self.program("qemu-img")
    }

    /// Firmware for disks that boot by UEFI.
    pub(super) fn uefi(&self) -> PathBuf {
        self.tree.join("usr/share/ovmf/OVMF.fd")
    }

    fn program(&self, name: &str) -> Command {
        let libraries = self.tree.join("usr/lib/x86_64-linux-gnu");
        let base = self.tree.join("lib/x86_64-linux-gnu");
        let mut program = command(base.join("ld-linux-x86-64.so.2"));
        program.arg("--library-path").arg(joined(&base, &libraries));
        program.arg(self.tree.join("usr/bin").join(name));
        program.env("QEMU_MODULE_DIR", libraries.join("qemu"));
        program
    }
}

fn joined(first: &Path, second: &Path) -> OsString {
    let mut path = first.as_os_str().to_owned();
    path.push(":");
    path.push(second);
    path
}
