//! What can be typed about recovery kits.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{PoolDisks, Unlock};

#[derive(Debug, Subcommand)]
pub(crate) enum Kit {
    /// Show that a kit opens the pool. Before that no recovery point is made.
    Prove(KitProve),
    /// Make another kit.
    Add(KitAdd),
    /// List passphrases and kits that open the pool.
    List(KitList),
}

#[derive(Debug, Args)]
pub(crate) struct KitProve {
    /// File with the kit.
    #[arg(long, value_name = "FILE")]
    pub(crate) kit_file: PathBuf,
    /// Disks of the pool.
    #[arg(long = "pool", value_name = "DISK,…", value_delimiter = ',')]
    pub(crate) disks: Vec<PathBuf>,
    /// Disks of the pool.
    #[arg(value_name = "DISK", conflicts_with = "disks", required_unless_present = "disks")]
    pub(crate) listed: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct KitAdd {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
    #[command(flatten)]
    pub(crate) unlock: Unlock,
    /// Write the kit to this new file.
    #[arg(long, value_name = "FILE")]
    pub(crate) kit_out: PathBuf,
    /// For people, as in "safe of the office".
    #[arg(long, default_value = "recovery kit")]
    pub(crate) label: String,
}

#[derive(Debug, Args)]
pub(crate) struct KitList {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
}
