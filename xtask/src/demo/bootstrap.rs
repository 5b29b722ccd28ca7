//! mmdebstrap: a folder full of Debian packages, from the mirror that this machine uses.

use std::path::Path;
use std::process::Command;

use crate::debian::{self, Mirror, Package};
use crate::error::{Error, Result};
use crate::process::{command, quiet};

const NEEDED: &[Package] = &[
    Package { name: "mmdebstrap", why: "makes the Debian system that the demo protects" },
    Package { name: "e2fsprogs", why: "mkfs.ext4 makes that system's file system" },
    Package { name: "mount", why: "that system is changed through a loop device" },
];

/// Unpacks `packages` and what they depend on, without running anything of them.
pub(super) fn unpack(release: &str, packages: &str, into: &Path) -> Result<()> {
    let mut mmdebstrap = mmdebstrap("extract", packages)?;
    mmdebstrap.arg(release).arg(into).arg(mirror(release)?.line());
    quiet(&mut mmdebstrap).map(drop)
}

/// Installs a system with `packages` into the empty folder `into`.
pub(super) fn install(release: &str, packages: &str, into: &Path) -> Result<()> {
    let mut mmdebstrap = mmdebstrap("minbase", packages)?;
    mmdebstrap.arg("--dpkgopt=force-unsafe-io");
    mmdebstrap.arg(release).arg(into).arg(mirror(release)?.line());
    quiet(&mut mmdebstrap).map(drop)
}

/// Root is needed for device nodes, owners and mounts.
fn mmdebstrap(variant: &str, packages: &str) -> Result<Command> {
    debian::demand_root("the demo makes a Debian system; with --image FILE it takes yours")?;
    debian::ensure(NEEDED)?;
    let mut mmdebstrap = command("mmdebstrap");
    mmdebstrap.args(["--quiet", "--mode=root"]).arg(format!("--variant={variant}"));
    mmdebstrap.arg(format!("--include={packages}"));
    mmdebstrap.arg("--aptopt=APT::Install-Recommends \"false\"");
    for option in own_options()? {
        mmdebstrap.arg(format!("--aptopt={option}"));
    }
    Ok(mmdebstrap)
}

/// How this machine's apt reaches its mirror: proxies, and whether old lists are accepted.
fn own_options() -> Result<Vec<String>> {
    let dump = quiet(command("apt-config").args(["dump", "Acquire"]))?;
    let kept = ["Acquire::http", "Acquire::https", "Acquire::Check-"];
    let lines = dump.lines().filter(|line| kept.iter().any(|start| line.starts_with(start)));
    Ok(lines.map(|line| line.trim_end_matches(';').to_owned()).collect())
}

fn mirror(suite: &str) -> Result<Mirror> {
    Mirror::of_suite(suite)?.ok_or_else(|| Error::Needs {
        what: format!("add a source of {suite} main to apt's sources"),
        why: "packages come from the mirror of this machine".into(),
    })
}
