//! What can be typed about the protected systems of an engine.

use clap::{Args, Subcommand};

use super::OnBus;

#[derive(Debug, Subcommand)]
pub(crate) enum Systems {
    /// List protected systems, with how each stands to what was agreed.
    List(SystemsList),
    /// Keep schedules from a system until it is resumed.
    Pause(SystemPause),
    /// Let schedules go on.
    Resume(SystemNamed),
}

#[derive(Debug, Args)]
pub(crate) struct SystemsList {
    #[command(flatten)]
    pub(crate) on: OnBus,
}

#[derive(Debug, Args)]
pub(crate) struct SystemNamed {
    #[command(flatten)]
    pub(crate) on: OnBus,
    /// Its name.
    #[arg(value_name = "NAME")]
    pub(crate) system: String,
}

#[derive(Debug, Args)]
pub(crate) struct SystemPause {
    #[command(flatten)]
    pub(crate) named: SystemNamed,
    /// Why, for who finds it paused.
    #[arg(long)]
    pub(crate) reason: String,
}
