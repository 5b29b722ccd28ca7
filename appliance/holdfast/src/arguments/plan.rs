//! What can be typed about the protection plan of an engine.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::OnBus;

#[derive(Debug, Subcommand)]
pub(crate) enum Plan {
    /// Print the plan in force.
    Show(PlanShow),
    /// Write the plan in force to a new file.
    Export(PlanExport),
    /// Say what a plan would change, and change nothing.
    Diff(PlanFile),
    /// Put a plan in force, as a whole or not at all.
    Apply(PlanApply),
}

#[derive(Debug, Args)]
pub(crate) struct PlanShow {
    #[command(flatten)]
    pub(crate) on: OnBus,
}

#[derive(Debug, Args)]
pub(crate) struct PlanExport {
    #[command(flatten)]
    pub(crate) on: OnBus,
    /// A new file.
    #[arg(long, value_name = "FILE")]
    pub(crate) to: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct PlanFile {
    #[command(flatten)]
    pub(crate) on: OnBus,
    /// A plan in TOML, or - for standard input.
    #[arg(value_name = "FILE")]
    pub(crate) plan: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct PlanApply {
    #[command(flatten)]
    pub(crate) file: PlanFile,
    /// Only say what would change.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask before a lock is set, which nobody can make shorter again.
    #[arg(long)]
    pub(crate) yes: bool,
}
