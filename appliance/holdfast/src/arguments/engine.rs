//! What can be typed about asking a running engine.

use clap::Args;

/// Whether to ask the engine, and which.
#[derive(Debug, Default, Args)]
pub(crate) struct AskEngine {
    /// Ask the running engine.
    #[arg(long, conflicts_with = "disks")]
    pub(crate) engine: bool,
    /// Ask the engine on the bus with this address, as in unix:path=/run/bus. Without this it is
    /// the one in HOLDFAST_BUS_ADDRESS, else the system's.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "disks")]
    pub(crate) bus: Option<String>,
}

/// Where the engine is, for what only an engine does.
#[derive(Debug, Args)]
pub(crate) struct OnBus {
    /// Ask the engine on the bus with this address, as in unix:path=/run/bus. Without this it is
    /// the one in HOLDFAST_BUS_ADDRESS, else the system's.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) bus: Option<String>,
}

/// Whether to wait for a job of the engine.
#[derive(Debug, Args)]
pub(crate) struct Waiting {
    /// Only begin it in the engine: `holdfast jobs show` says how far it is.
    #[arg(long, conflicts_with = "disks")]
    pub(crate) no_wait: bool,
}

/// Gives the engine its keys.
#[derive(Debug, Args)]
pub(crate) struct UnlockEngine {
    #[command(flatten)]
    pub(crate) on: OnBus,
    #[command(flatten)]
    pub(crate) unlock: super::Unlock,
}

/// The engine is found on the system's bus, or at the address in HOLDFAST_BUS_ADDRESS.
#[derive(Debug, Args)]
pub(crate) struct Top {
    #[command(flatten)]
    pub(crate) on: OnBus,
    /// Show it once. Without a terminal that is always so.
    #[arg(long)]
    pub(crate) once: bool,
}
