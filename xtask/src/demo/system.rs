//! The system that the demo protects: a Debian web shop on one disk, on two days.
//!
//! Day 1 is the release as it came out, with a bootloader, PostgreSQL and a table of orders. Day 2
//! is the same disk after what happens to a machine: package upgrades from the updates and security
//! suites, one more package, new and changed orders. The login screen shows the number of orders,
//! so that a picture of it tells which day was booted.
//!
//! Made in a process of its own, in name spaces of mounts and processes that end with it: whatever
//! stops it, no mount, loop device or database server stays behind.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::database;
use crate::cache;
use crate::debian::{self, Mirror, Package, bootstrap};
use crate::error::{Error, Result};
use crate::mounted::Mounted;
use crate::process::{command, quiet, shown};

/// One day's image is this long; about a third of it is in use.
const IMAGE_BYTES: u64 = 2 << 30;

/// Where the only partition begins: 1 MiB, as every partitioning tool has it.
const PARTITION_AT: u64 = 1 << 20;

const SECTOR: u64 = 512;

const NEEDED: &[Package] = &[
    Package { name: "e2fsprogs", why: "mkfs.ext4 makes the file system of the demo's system" },
    Package { name: "mount", why: "that system is changed through a loop device" },
];

const PACKAGES: &str = "systemd-sysv,udev,dbus,kmod,procps,iproute2,zstd,initramfs-tools,\
                        linux-image-cloud-amd64,extlinux,syslinux-common,postgresql";

/// Bought on day 2.
const NEW_PACKAGE: &str = "nginx-light";

/// Units that a boot under emulation need not wait for.
const MASKED: &[&str] = &[
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "systemd-logind.service",
    "systemd-pstore.service",
];

const BOOT_MENU: &str = "DEFAULT debian
LABEL debian
  LINUX /vmlinuz
  INITRD /initrd.img
  APPEND root=LABEL=system ro loglevel=4 console=tty1 console=ttyS0,115200
";

/// Debian's own way to keep services from being started in a tree that is not running.
const NO_STARTS: &str = "usr/sbin/policy-rc.d";

/// The disk images of both days, from the cache or made now (about three minutes).
pub(super) fn ready() -> Result<[PathBuf; 2]> {
    let release = debian::release()?;
    let recipe = [
        release.as_str(),
        include_str!("system.rs"),
        include_str!("database.rs"),
        include_str!("../mounted.rs"),
        include_str!("../debian/bootstrap.rs"),
    ];
    let entry = cache::entry("system", &recipe, make_apart)?;
    Ok([entry.join("day1.raw"), entry.join("day2.raw")])
}

fn make_apart(folder: &Path) -> Result<()> {
    debian::demand_root("the demo makes a Debian system; with --image FILE it takes yours")?;
    debian::ensure(NEEDED)?;
    let own = Path::new("/proc/self/exe");
    let own = fs::read_link(own).map_err(Error::io(own))?;
    let mut unshare = command("unshare");
    unshare.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    shown(unshare.arg(own).arg("system").arg(folder))
}

/// Makes `day1.raw` and `day2.raw` in `folder`.
pub(crate) fn make(folder: &Path) -> Result<()> {
    let (day1, day2) = (folder.join("day1.raw"), folder.join("day2.raw"));
    let root = folder.join("mounted");
    let release = debian::release()?;
    println!("    day 1: installing Debian {release}, PostgreSQL and orders");
    make_disk(&day1)?;
    let system = Mounted::open(&day1, PARTITION_AT, &root)?;
    install(&system, &release, &day1)?;
    system.close()?;

    println!("    day 2: upgrading packages, taking orders");
    quiet(command("cp").arg("--sparse=always").args([&day1, &day2]))?;
    let system = Mounted::open(&day2, PARTITION_AT, &root)?;
    change(&system, &release)?;
    system.close()?;
    fs::remove_dir(&root).map_err(Error::io(&root))
}

/// An image with one bootable partition and an empty file system in it.
fn make_disk(image: &Path) -> Result<()> {
    let file = File::create(image).map_err(Error::io(image))?;
    file.set_len(IMAGE_BYTES).map_err(Error::io(image))?;
    file.write_all_at(&partition_entry(), 446).map_err(Error::io(image))?;
    file.write_all_at(&[0x55, 0xaa], 510).map_err(Error::io(image))?;
    let mut mkfs = command("mkfs.ext4");
    // The boot loader knows neither 64-bit block numbers nor checksums of metadata.
    mkfs.args(["-q", "-F", "-L", "system", "-O", "^64bit,^metadata_csum"]);
    mkfs.arg("-E").arg(format!("offset={PARTITION_AT}")).arg(image);
    mkfs.arg(format!("{}k", (IMAGE_BYTES - PARTITION_AT) / 1024));
    quiet(&mut mkfs).map(drop)
}

/// An entry of the partition table: active, Linux, sizes in sectors, geometry not used.
fn partition_entry() -> [u8; 16] {
    let mut entry = [0x80, 0xfe, 0xff, 0xff, 0x83, 0xfe, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0];
    let first = (PARTITION_AT / SECTOR) as u32;
    let count = ((IMAGE_BYTES - PARTITION_AT) / SECTOR) as u32;
    entry[8..12].copy_from_slice(&first.to_le_bytes());
    entry[12..].copy_from_slice(&count.to_le_bytes());
    entry
}

fn install(system: &Mounted, release: &str, image: &Path) -> Result<()> {
    bootstrap::install(release, PACKAGES, system.root())?;
    system.prepare_for_programs()?;
    install_boot_loader(system, image)?;
    system.write("etc/fstab", "LABEL=system / ext4 errors=remount-ro 0 1\n")?;
    system.write("etc/hostname", "webshop\n")?;
    set_password(system)?;
    quiet(system.program("systemctl").arg("mask").args(MASKED))?;
    database::create(system)?;
    quiet(system.program("apt-get").arg("clean"))?;
    system.remove("etc/resolv.conf")
}

fn install_boot_loader(system: &Mounted, image: &Path) -> Result<()> {
    system.write("boot/extlinux/extlinux.conf", BOOT_MENU)?;
    quiet(system.program("extlinux").args(["--install", "/boot/extlinux"]))?;
    let code = system.root().join("usr/lib/EXTLINUX/mbr.bin");
    let code = fs::read(&code).map_err(Error::io(&code))?;
    let disk = File::options().write(true).open(image).map_err(Error::io(image))?;
    disk.write_all_at(&code, 0).map_err(Error::io(image))
}

/// The password of root is "holdfast", for those who want to look around in the booted system.
fn set_password(system: &Mounted) -> Result<()> {
    system.write("tmp/password", "root:holdfast\n")?;
    let path = system.root().join("tmp/password");
    let file = File::open(&path).map_err(Error::io(&path))?;
    quiet(system.program("chpasswd").stdin(file))?;
    system.remove("tmp/password")
}

fn change(system: &Mounted, release: &str) -> Result<()> {
    system.prepare_for_programs()?;
    quiet(command("cp").arg("/etc/resolv.conf").arg(system.root().join("etc")))?;
    add_update_suites(system, release)?;
    system.write(NO_STARTS, "#!/bin/sh\nexit 101\n")?;
    quiet(system.program("chmod").arg("+x").arg(format!("/{NO_STARTS}")))?;
    for words in [&["update"][..], &["upgrade"], &["install", NEW_PACKAGE], &["clean"]] {
        quiet(system.program("apt-get").args(["--quiet", "--yes"]).args(words))?;
    }
    system.remove(NO_STARTS)?;
    system.remove("etc/resolv.conf")?;
    database::trade(system)
}

/// A machine without them in its own sources gets only the new package.
fn add_update_suites(system: &Mounted, release: &str) -> Result<()> {
    let mut list = String::new();
    for suite in [format!("{release}-updates"), format!("{release}-security")] {
        if let Some(mirror) = Mirror::of_suite(&suite)? {
            list.push_str(&mirror.line());
            list.push('\n');
        }
    }
    system.write("etc/apt/sources.list.d/updates.list", &list)
}
