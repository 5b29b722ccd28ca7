//! What can be typed about reclaim.

use clap::Args;
use model::Span;

use super::values::bytes;
use super::{PoolDisks, Unlock, Waiting, retention};

#[derive(Debug, Args)]
pub(crate) struct Reclaim {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
    #[command(flatten)]
    pub(crate) unlock: Unlock,
    /// Empty segments of which at least so many percent are of no use.
    #[arg(long, value_name = "PERCENT", default_value_t = 20,
          value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) least_dead: u8,
    /// Move at most so many bytes of what is needed, as in 100GiB.
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub(crate) most: Option<u64>,
    /// Use the room of segments again when they were retired so long ago, in running time.
    #[arg(long, value_name = "TIME", value_parser = retention::span, default_value = "24h")]
    pub(crate) release_after: Span,
    /// Compress what only older recovery points need with Zstandard, where that saves a tenth.
    #[arg(long)]
    pub(crate) recompress: bool,
    /// Only say what would be done.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
}
