//! What can be typed about recovery points, and how one is named.

use clap::Args;

use super::{PointsChange, PoolDisks, Unlock};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Points {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
    #[command(flatten)]
    pub(crate) unlock: Unlock,
    /// Only points of this system.
    #[arg(long)]
    pub(crate) system: Option<String>,
    #[command(subcommand)]
    pub(crate) change: Option<PointsChange>,
}

/// Which volume of which recovery point.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// Recovery point, as listed by `points`; its first characters do, or `latest`.
    #[arg(long, value_name = "ID")]
    pub(crate) point: String,
    /// Name or number of the volume; the only one without this.
    #[arg(long, value_name = "VOLUME")]
    pub(crate) volume: Option<String>,
}
