//! `cargo xtask demo`: a real system's disk, protected twice, booted from its recovery point,
//! restored, damaged and healed, with the figures of each step.
//!
//! Everything happens in files: the pool's two disks, the restored images and the overlay lie in
//! one folder that is deleted at the end. Only the picture of the booted system stays, and what
//! the cache keeps for the next run.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::process::workspace;

mod damage;
mod database;
mod figures;
mod firmware;
mod guest;
mod holdfast;
mod qmp;
mod source;
mod story;
mod system;
pub(crate) mod tools;

pub(crate) use system::make as make_system;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Protect this disk image instead of a Debian system made for the purpose. It is booted if it
    /// is a whole disk with a boot loader.
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// Keep the pool, the restored images and the overlay.
    #[arg(long)]
    keep: bool,
    /// Work in this folder instead of the one for temporary files.
    #[arg(long, value_name = "DIR")]
    work: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let parent = args.work.clone().unwrap_or_else(std::env::temp_dir);
    std::fs::create_dir_all(&parent).map_err(Error::io(&parent))?;
    let mut folder = tempfile::Builder::new()
        .prefix("holdfast-demo-")
        .tempdir_in(&parent)
        .map_err(Error::io(&parent))?;
    folder.disable_cleanup(args.keep);
    let picture = picture()?;
    if story::tell(args.image.as_deref(), folder.path(), &picture)? {
        println!("the booted system's screen: {}", picture.display());
    }
    if args.keep {
        println!("pool, overlay and restored images: {}", folder.path().display());
    }
    Ok(())
}

/// Where the screen of the booted system goes: with what else is made from the checkout.
fn picture() -> Result<PathBuf> {
    let folder: &Path = &workspace().join("target/demo");
    std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
    Ok(folder.join("login.png"))
}
