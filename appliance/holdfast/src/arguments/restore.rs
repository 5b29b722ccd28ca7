//! What can be typed about giving a recovery point back.

use std::path::PathBuf;

use clap::Args;

use super::{PoolDisks, Unlock, Waiting, Which};

#[derive(Debug, Args)]
pub(crate) struct Restore {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
    #[command(flatten)]
    pub(crate) unlock: Unlock,
    #[command(flatten)]
    pub(crate) which: Which,
    /// A new file, a block device, or - for standard output.
    #[arg(long, value_name = "TARGET")]
    pub(crate) to: PathBuf,
    /// Do not ask before what is on a block device is lost.
    #[arg(long)]
    pub(crate) yes: bool,
    /// TARGET is a path that the engine opens itself, not this command.
    #[arg(long, conflicts_with = "disks")]
    pub(crate) on_box: bool,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
}
