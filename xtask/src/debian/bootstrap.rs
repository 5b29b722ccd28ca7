//! mmdebstrap: a folder full of Debian packages, from the mirror that this machine uses.

use std::path::Path;
use std::process::Command;

use super::{Mirror, Package};
use crate::error::{Error, Result};
use crate::process::{command, quiet};

const NEEDED: &[Package] =
    &[Package { name: "mmdebstrap", why: "unpacks Debian packages and what they depend on" }];

/// Unpacks `packages` and what they depend on, as the first of `suites` has them or a later one
/// has them newer, without running anything of them.
pub(crate) fn unpack(suites: &[&str], packages: &str, into: &Path) -> Result<()> {
    make("extract", suites, packages, into, &[])
}

/// Installs a system with `packages` into the empty folder `into`.
pub(crate) fn install(suite: &str, packages: &str, into: &Path) -> Result<()> {
    make("minbase", &[suite], packages, into, &["--dpkgopt=force-unsafe-io"])
}

fn make(variant: &str, suites: &[&str], packages: &str, into: &Path, more: &[&str]) -> Result<()> {
    super::demand_root("a Debian system has files of several owners")?;
    super::ensure(NEEDED)?;
    let mut mmdebstrap = command("mmdebstrap");
    mmdebstrap.args(["--quiet", "--mode=root"]).arg(format!("--variant={variant}"));
    mmdebstrap.arg(format!("--include={packages}")).args(more);
    mmdebstrap.arg("--aptopt=APT::Install-Recommends \"false\"");
    add_own_options(&mut mmdebstrap)?;
    mmdebstrap.arg(suites.first().copied().unwrap_or_default()).arg(into);
    for suite in suites {
        mmdebstrap.arg(mirror(suite)?.line());
    }
    quiet(&mut mmdebstrap).map(drop)
}

/// How this machine's apt reaches its mirror: proxies, and whether old lists are accepted.
fn add_own_options(mmdebstrap: &mut Command) -> Result<()> {
    let dump = quiet(command("apt-config").args(["dump", "Acquire"]))?;
    let kept = ["Acquire::http", "Acquire::https", "Acquire::Check-"];
    for line in dump.lines().filter(|line| kept.iter().any(|start| line.starts_with(start))) {
        mmdebstrap.arg(format!("--aptopt={}", line.trim_end_matches(';')));
    }
    Ok(())
}

fn mirror(suite: &str) -> Result<Mirror> {
    Mirror::of_suite(suite)?.ok_or_else(|| Error::Needs {
        what: format!("add a source of {suite} main to apt's sources"),
        why: "packages come from the mirror of this machine".into(),
    })
}
