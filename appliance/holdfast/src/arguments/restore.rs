//! What can be typed about giving a recovery point back.

use std::path::PathBuf;

use clap::Args;

use super::{PoolDisks, Unlock, Which};

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
}
