//! What can be typed about the alerts of an engine.

use clap::{Args, Subcommand};

use super::OnBus;

#[derive(Debug, Subcommand)]
pub(crate) enum Alerts {
    /// List what is wrong, the worst first, with cause and next step.
    List(AlertsList),
    /// Say that somebody has taken an alert on. It goes when its cause has gone.
    Acknowledge(AlertAcknowledge),
}

#[derive(Debug, Args)]
pub(crate) struct AlertsList {
    #[command(flatten)]
    pub(crate) on: OnBus,
}

#[derive(Debug, Args)]
pub(crate) struct AlertAcknowledge {
    #[command(flatten)]
    pub(crate) on: OnBus,
    /// Its number, as listed.
    #[arg(value_name = "NUMBER")]
    pub(crate) alert: u64,
    /// Who has taken it on, with a comment if there is one. The user who calls if not given.
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
}
