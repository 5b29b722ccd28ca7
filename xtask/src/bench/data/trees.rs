//! File trees of Debian systems: packages unpacked, without running their scripts.

use std::path::Path;

use crate::debian::{self, bootstrap};
use crate::error::Result;
use crate::process::{command, quiet};

/// On every machine. The kernel's name ends in the architecture.
const BASE: &[&str] = &[
    "openssh-server",
    "postgresql",
    "python3",
    "git",
    "vim",
    "curl",
    "gcc",
    "g++",
    "default-jre-headless",
    "perl",
    "rsync",
    "gdb",
    "samba",
    "locales-all",
];

/// What makes two machines different; which of them is the first depends on the seed.
const ROLES: [&[&str]; 2] = [
    &["libreoffice-calc", "golang-go", "fonts-noto-cjk", "clang"],
    &["mariadb-server", "rustc", "nodejs", "php-cli", "openscad", "ruby"],
];

/// What the second day installs.
const NEW: &[&str] = &["nginx", "redis-server", "ffmpeg", "imagemagick"];

/// Which system, in which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tree {
    /// As the release came out.
    Day0,
    /// With every upgrade since, and new packages.
    Day1,
    /// The other role, upgraded.
    Machine2,
}

/// Unpacks a tree into a folder that does not exist.
pub(super) fn unpack(tree: Tree, seed: u64, folder: &Path) -> Result<()> {
    let release = debian::release()?;
    let later = ["updates", "security"].map(|suite| format!("{release}-{suite}"));
    let mut suites = vec![release.as_str()];
    if tree != Tree::Day0 {
        suites.extend(later.iter().map(String::as_str));
    }
    bootstrap::unpack(&suites, &packages(tree, seed)?.join(","), folder)
}

fn packages(tree: Tree, seed: u64) -> Result<Vec<String>> {
    let architecture = quiet(command("dpkg").arg("--print-architecture"))?;
    let [first, second] = if seed.is_multiple_of(2) { [1, 0] } else { [0, 1] };
    let (role, new) = match tree {
        Tree::Day0 => (first, &[][..]),
        Tree::Day1 => (first, NEW),
        Tree::Machine2 => (second, &[][..]),
    };
    let mut packages = vec![format!("linux-image-{}", architecture.trim())];
    packages.extend([BASE, ROLES[role], new].concat().into_iter().map(str::to_owned));
    Ok(packages)
}
