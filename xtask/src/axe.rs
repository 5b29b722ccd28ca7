//! axe-core, which finds what keeps people from reading or using a page.
//!
//! It is not ours and stays out of the checkout: pip takes it from wherever this machine takes
//! Python's packages, and refuses what is not the file that was looked at here.

use std::fs;
use std::path::Path;

use crate::cache;
use crate::debian::{self, Package};
use crate::error::{Error, Result};
use crate::process::{quiet, target_folder};
use crate::python;

const NEEDED: &[Package] =
    &[Package { name: "python3-pip", why: "fetches axe-core, which looks at the portal" }];

/// A package with axe-core 4.12.1 as one file, in the form in which pip pins.
const PINNED: &str = "axe-playwright-python==0.1.8 \
    --hash=sha256:fdd263c998388f1a8e67cad02677e612d946248bd44d163be5e8650ea31f95f8\n";

/// What comes, and the file in it.
const WHEEL: &str = "axe_playwright_python-0.1.8-py3-none-any.whl";
const SCRIPT: &str = "axe_playwright_python/axe.min.js";

/// Puts it where the tests of the portal look for it, in `axe` below the folder of the build.
pub(crate) fn prepare() -> Result<()> {
    debian::ensure(NEEDED)?;
    let entry = cache::entry("axe", &[PINNED, WHEEL], fetch)?;
    let folder = target_folder().join("axe");
    fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
    let script = entry.join(SCRIPT);
    fs::copy(&script, folder.join("axe.min.js")).map_err(Error::io(&script))?;
    Ok(())
}

fn fetch(folder: &Path) -> Result<()> {
    let pinned = folder.join("pinned");
    fs::write(&pinned, PINNED).map_err(Error::io(&pinned))?;
    let mut download = python::module("pip");
    download.args(["download", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    download.args(["--require-hashes", "--only-binary", ":all:", "--dest"]).arg(folder);
    quiet(download.arg("--requirement").arg(&pinned))?;
    let mut unpack = python::module("zipfile");
    quiet(unpack.arg("-e").arg(folder.join(WHEEL)).arg(folder)).map(drop)
}
