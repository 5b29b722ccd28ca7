//! schemathesis, which makes requests out of the description of the API and looks at the answers.
//!
//! It and what it needs are not ours and stay out of the checkout: pip takes them from wherever
//! this machine takes Python's packages, and refuses what is not the files that were looked at
//! here.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::cache;
use crate::debian::{self, Package};
use crate::error::{Error, Result};
use crate::process::{quiet, target_folder};
use crate::python;

const NEEDED: &[Package] =
    &[Package { name: "python3-pip", why: "fetches schemathesis, which asks what the API says" }];

/// All packages with version and hash, in the form in which pip pins.
const PINNED: &str = include_str!("schemathesis/pinned.txt");

/// The folder of an entry that Python takes modules from. It can be moved, as opposed to a virtual
/// environment.
const MODULES: &str = "modules";

/// Puts it where the tests of the API look for it: `schemathesis`, in the folder of the build.
pub(crate) fn prepare() -> Result<()> {
    debian::ensure(NEEDED)?;
    let modules = cache::entry("schemathesis", &[PINNED], fetch)?.join(MODULES);
    let target = target_folder();
    fs::create_dir_all(&target).map_err(Error::io(&target))?;
    let link = target.join("schemathesis");
    if link.is_symlink() {
        fs::remove_file(&link).map_err(Error::io(&link))?;
    }
    symlink(&modules, &link).map_err(Error::io(&link))
}

fn fetch(folder: &Path) -> Result<()> {
    let pinned = folder.join("pinned");
    fs::write(&pinned, PINNED).map_err(Error::io(&pinned))?;
    let mut install = python::module("pip");
    install.args(["install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    // It is no part of the system: what Debian's packages installed stays as it is.
    install.args(["--root-user-action", "ignore", "--target"]).arg(folder.join(MODULES));
    install.args(["--require-hashes", "--only-binary", ":all:", "--requirement"]).arg(&pinned);
    quiet(&mut install).map(drop)
}
