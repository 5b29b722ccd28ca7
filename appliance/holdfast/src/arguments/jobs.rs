//! What can be typed about the jobs of an engine.

use clap::{Args, Subcommand};

use super::OnBus;

#[derive(Debug, Subcommand)]
pub(crate) enum Jobs {
    /// List what runs, what waits, and what ended lately.
    List(JobsList),
    /// Show all that is known about one.
    Show(JobNamed),
    /// End one before it is done.
    Cancel(JobNamed),
    /// Do the same as one that has ended once more; one that waits begins now.
    Retry(JobRetry),
}

#[derive(Debug, Args)]
pub(crate) struct JobsList {
    #[command(flatten)]
    pub(crate) on: OnBus,
    /// Also all that are over, not only the last ten.
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct JobNamed {
    #[command(flatten)]
    pub(crate) on: OnBus,
    /// Its number, as listed.
    #[arg(value_name = "NUMBER")]
    pub(crate) job: u64,
}

#[derive(Debug, Args)]
pub(crate) struct JobRetry {
    #[command(flatten)]
    pub(crate) named: JobNamed,
    /// Only begin it.
    #[arg(long)]
    pub(crate) no_wait: bool,
}
