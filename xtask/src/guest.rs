//! What needs a real kernel: the real command in a virtual machine, its disks logged or failing.
//!
//! The guest is Debian's kernel with `holdfast` and a program of ours as process 1 (`tests`,
//! program `guest`). It runs under emulation, so it needs no help of the machine's processor; a
//! boot takes seven seconds.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use crate::debian::{self, Package};
use crate::demo::tools::Tools;
use crate::error::{Error, Result};
use crate::process::{cargo, shown, workspace};

mod archive;
mod crash;
mod faults;
mod images;
mod machine;
mod system;
mod verdict;

use system::{Programs, System};

const NEEDED: &[Package] =
    &[Package { name: "binutils", why: "strip makes the programs in the guest small" }];

/// What to do with the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    All,
    /// Crash images of its disks.
    Crash,
    /// Failing disks.
    Faults,
}

/// Records a guest's disks and checks crash states of them, then goes through a matrix of failing
/// disks. About half an hour.
pub(crate) fn run(part: Part, seed: u64) -> Result<()> {
    debian::demand_root("the guest's kernel comes from Debian's packages")?;
    debian::ensure(NEEDED)?;
    let tools = Tools::ready()?;
    let programs = Programs::build()?;
    let folder = tempfile::tempdir().map_err(Error::io(&std::env::temp_dir()))?;
    let system = System::ready(&programs, folder.path())?;
    let began = Instant::now();
    if part != Part::Faults {
        println!("==> crash images of a real kernel, seed {seed}");
        crash::run(&tools, &system, &programs, seed)?;
    }
    if part != Part::Crash {
        println!("==> failing disks under a real kernel, seed {seed}");
        faults::run(&tools, &system, seed)?;
    }
    println!("    {:.0} minutes", began.elapsed().as_secs_f64() / 60.0);
    Ok(())
}

/// Prepares the guest whose disk a test pulls: what it boots is put where tests look for it, in
/// `guest` below the folder of the build.
pub(crate) fn prepare() -> Result<()> {
    debian::demand_root("the guest's kernel comes from Debian's packages")?;
    debian::ensure(NEEDED)?;
    // With all of the workspace, as the tests: else much of it would be built twice.
    shown(cargo().args(["build", "--workspace", "--locked", "--bin", "guest"]))?;
    let target = std::env::var_os("CARGO_TARGET_DIR");
    let target = target.map_or_else(|| workspace().join("target"), PathBuf::from);
    let folder = target.join("guest");
    fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
    let system = System::with_agent(target.join("debug/guest"), &folder)?;
    fs::copy(&system.kernel, folder.join("kernel")).map_err(Error::io(&system.kernel))?;
    Ok(())
}
