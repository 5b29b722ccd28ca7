//! What can be typed about reading everything and checking it.

use std::time::Duration;

use clap::Args;

use super::values::{duration, percent};
use super::{PoolDisks, Unlock, Waiting};

#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
    #[command(flatten)]
    pub(crate) unlock: Unlock,
    /// Decompress every record too, compare its digest, and then all blocks of all recovery points
    /// with their tags. Reads twice.
    #[arg(long)]
    pub(crate) deep: bool,
    /// Only tell what is wrong: write nothing to the disks.
    #[arg(long)]
    pub(crate) no_heal: bool,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
}

#[derive(Debug, Args)]
pub(crate) struct Scrub {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
    #[command(flatten)]
    pub(crate) unlock: Unlock,
    /// Work for this share of the time at most, as in 25%.
    #[arg(long, value_name = "PERCENT", value_parser = percent, default_value = "100%")]
    pub(crate) duty: u32,
    /// End after this time, as in 90m or 6h, and keep the place.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub(crate) run_for: Option<Duration>,
    /// Read only what was written since it was last read back.
    #[arg(long)]
    pub(crate) new: bool,
    /// List the scrubs instead. Needs no key.
    #[arg(long, conflicts_with_all = ["duty", "run_for", "new"])]
    pub(crate) history: bool,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
}
