//! Debian packages that a task needs, and the mirror that this machine already uses.
//!
//! No host name is written in the project: the mirror comes from apt's own sources, so a task
//! works behind whatever mirror or proxy the machine was set up with.

use std::path::Path;

use crate::error::{Error, Result};
use crate::process::{command, quiet, shown};

pub(crate) mod bootstrap;
mod sources;

pub(crate) use sources::Mirror;

/// A Debian package and what it is for, which is shown when it gets installed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Package {
    pub(crate) name: &'static str,
    pub(crate) why: &'static str,
}

/// Installs those of `packages` that are missing. Touches nothing when all are present.
pub(crate) fn ensure(packages: &[Package]) -> Result<()> {
    install(&missing(packages)?)?;
    // One that came from elsewhere, a backport say, may have had to go for another: then it comes
    // back from where that one is from.
    install(&missing(packages)?)
}

fn install(missing: &[Package]) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.iter().map(|package| package.name).collect::<Vec<_>>().join(" ");
    if !is_root()? {
        let what = format!("run as root, or install first: apt-get install {names}");
        return Err(Error::Needs { what, why: "Debian packages are missing".into() });
    }
    for package in missing {
        println!("installing {}: {}", package.name, package.why);
    }
    // One list out of reach must not stop what the others have.
    if let Err(error) = quiet(apt_get().arg("update")) {
        println!("going on with the package lists that are here: {error}");
    }
    shown(apt_get().args(["install", "--no-install-recommends"]).args(names.split(' ')))
}

/// Fails with a sentence for the user unless this process is root.
pub(crate) fn demand_root(why: &str) -> Result<()> {
    if is_root()? {
        return Ok(());
    }
    Err(Error::Needs { what: "run as root".into(), why: why.to_owned() })
}

fn missing(packages: &[Package]) -> Result<Vec<Package>> {
    let mut query = command("dpkg-query");
    query.args(["--show", "--showformat=${db:Status-Status} ${Package}\n"]);
    // Fails when a name is unknown, and still lists the others: only its output matters.
    let output = query.output().map_err(|source| crate::process::start_error(&query, source))?;
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    let has = |name: &str| listed.lines().any(|line| line == format!("installed {name}"));
    Ok(packages.iter().filter(|package| !has(package.name)).copied().collect())
}

fn apt_get() -> std::process::Command {
    let mut apt_get = command("apt-get");
    apt_get.env("DEBIAN_FRONTEND", "noninteractive");
    apt_get.args(["--quiet", "--quiet", "--yes", "-o", "DPkg::Lock::Timeout=300"]);
    // Without this dpkg's progress fills pages where there is no terminal.
    apt_get.args(["-o", "Dpkg::Use-Pty=0"]);
    apt_get.args(["-o", "Acquire::Retries=3"]);
    apt_get
}

fn is_root() -> Result<bool> {
    Ok(quiet(command("id").arg("-u"))?.trim() == "0")
}

/// The code name of the running Debian release.
pub(crate) fn release() -> Result<String> {
    let path = Path::new("/etc/os-release");
    let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
    let named = text.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    named.map(|name| name.trim_matches('"').to_owned()).ok_or_else(|| Error::Unexpected {
        from: path.display().to_string(),
        what: "no VERSION_CODENAME: this task needs a Debian system".into(),
    })
}
