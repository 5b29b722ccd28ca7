//! `cargo xtask test`: everything that must hold, in the order from quick to slow.
//!
//! Starts on a fresh Debian 12 with rustup's toolchain: installs the packages that the tests use.
//! The step that fails ends the run, so that its output is the last thing on the screen.

use std::time::{Duration, Instant};

use crate::axe;
use crate::debian::{self, Package};
use crate::error::Result;
use crate::fuzz;
use crate::guest;
use crate::process::{cargo, is_installed, shown};
use crate::schemathesis;
use crate::service;
use crate::tidy;

mod counts;

const PACKAGES: &[Package] = &[
    Package { name: "gcc", why: "compiles the C parts of aws-lc, zstd and BLAKE3, and links" },
    Package { name: "libc6-dev", why: "headers of the C library, for the same" },
    Package { name: "libnbd-bin", why: "nbdinfo and nbdcopy are clients of our NBD server" },
    Package { name: "qemu-utils", why: "qemu-img and qemu-io are clients of our NBD server" },
    Package {
        name: "qemu-system-x86",
        why: "a machine whose disk is pulled while it is written to",
    },
    Package { name: "libvirt-clients", why: "virsh, which tells libvirt what to do" },
    Package { name: "libvirt-daemon", why: "a libvirt of a test's own looks after a machine" },
    Package { name: "libvirt-daemon-driver-qemu", why: "it starts QEMU and begins its backups" },
    Package { name: "mount", why: "losetup makes block devices to test disks on" },
    Package { name: "e2fsprogs", why: "mkfs.ext4 makes file systems to back up" },
    Package { name: "btrfs-progs", why: "mkfs.btrfs makes one that keeps copies of itself" },
    Package { name: "dbus-daemon", why: "a bus of their own for the tests of the D-Bus interface" },
    Package { name: "postgresql", why: "a database that is backed up by its own pg_dump" },
    Package { name: "snmptrapd", why: "reads the traps that alerts are told by" },
    Package { name: "nut-server", why: "a power supply that the engine asks" },
    Package { name: "chromium", why: "a browser, in which the portal is used" },
    Package { name: "chromium-driver", why: "tells that browser what to do" },
    Package { name: "systemd", why: "busctl is a client of the D-Bus interface" },
    Package { name: "python3", why: "runs the second reader, written from FORMAT.md alone" },
    Package { name: "python3-argon2", why: "the second reader turns a passphrase into a key" },
    Package { name: "python3-cryptography", why: "the second reader opens sealed chunks" },
    Package { name: "python3-lz4", why: "the second reader decompresses LZ4 chunks" },
    Package { name: "python3-zstandard", why: "the second reader decompresses zstd chunks" },
];

/// A run of its own, so that all other tests see the store as it is shipped.
pub(crate) const PLANTED: &[&str] =
    &["--package", "store", "--features", "planted", "every_planted_bug_is_found"];

/// A run of its own, too: whoever works with locks there works with those of a scheduler.
pub(crate) const SCHEDULES: &[&str] = &[
    "--package",
    "disk",
    "--package",
    "restore",
    "--package",
    "store",
    "--features",
    "disk/schedules,restore/schedules,store/schedules",
    "--lib",
    "schedules",
];

/// Runs all steps and ends with one line in the form that `cargo test` prints.
pub(crate) fn run() -> Result<()> {
    let begin = Instant::now();
    let mut steps = Steps::default();
    steps.run("packages", || debian::ensure(PACKAGES))?;
    steps.run("tidy", tidy::run)?;
    steps.run("rustfmt", || shown(cargo().args(["fmt", "--all", "--check"])))?;
    steps.run("clippy", clippy)?;
    if is_installed("cargo-deny") {
        steps.run("cargo-deny", deny)?;
    }
    steps.run("guest", guest::prepare)?;
    // Both come from somebody else's server: that it is away says nothing about the box.
    steps.run("axe", || {
        if let Err(error) = axe::prepare() {
            println!("    not tested: whether axe-core finds fault with the portal: {error}");
        }
        Ok(())
    })?;
    steps.run("schemathesis", || {
        if let Err(error) = schemathesis::prepare() {
            println!("    not tested: whether schemathesis finds fault with the API: {error}");
        }
        Ok(())
    })?;
    let mut counts = steps.run("cargo test", || counts::run_tests(&["--workspace"]))?;
    counts += steps.run("planted bugs", || counts::run_tests(PLANTED))?;
    counts += steps.run("schedules", || counts::run_tests(SCHEDULES))?;
    steps.run("service", || service::run(service::Args::default()))?;
    steps.run("fuzz", fuzz::run_shortly)?;
    steps.print();
    println!("{}", counts.line(begin.elapsed()));
    Ok(())
}

fn clippy() -> Result<()> {
    let mut clippy = cargo();
    clippy.args(["clippy", "--workspace", "--all-targets", "--locked"]);
    shown(clippy.args(["--", "--deny", "warnings"]))
}

fn deny() -> Result<()> {
    shown(cargo().args(["deny", "--offline", "check", "bans", "licenses", "sources"]))
}

#[derive(Debug, Default)]
struct Steps {
    done: Vec<(&'static str, Duration)>,
}

impl Steps {
    fn run<T>(&mut self, name: &'static str, step: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("==> {name}");
        let begin = Instant::now();
        let value = step()?;
        self.done.push((name, begin.elapsed()));
        Ok(value)
    }

    fn print(&self) {
        println!();
        for (name, time) in &self.done {
            println!("{name:<13}{:>8.1} s", time.as_secs_f64());
        }
        println!();
    }
}
