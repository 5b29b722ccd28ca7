//! What can be typed about disks that others write to the box.

use clap::{Args, Subcommand};

use super::OnBus;
use super::values::bytes;

#[derive(Debug, Subcommand)]
pub(crate) enum Receive {
    /// Have the engine serve a disk that a volume of a protected system is written to, with
    /// `qemu-img convert -n`, a hypervisor's own block job, or anything else that speaks NBD. When
    /// its clients have left it becomes a recovery point.
    Start(ReceiveStart),
    /// List the disks that others write.
    List(ReceiveList),
    /// Take no more writes, and make a recovery point of what was written.
    Finish(ReceiveFinish),
    /// Forget what was written, and cut clients off.
    Discard(ReceiveDiscard),
}

#[derive(Debug, Args)]
pub(crate) struct ReceiveStart {
    #[command(flatten)]
    pub(crate) on: OnBus,
    /// Name of the protected system, as the plan has it.
    pub(crate) system: String,
    /// Size of the volume, as in 40GiB.
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub(crate) size: u64,
    /// Name of the volume.
    #[arg(long, default_value = "disk")]
    pub(crate) volume: String,
    /// Lay it above the newest recovery point of the volume, if that has this size: only what
    /// changed since then has to be written.
    #[arg(long)]
    pub(crate) incremental: bool,
    /// Make a recovery point of it at `receive finish`, not when clients have left. It then also
    /// outlives clients that vanish and restarts of the engine, with what was flushed.
    #[arg(long)]
    pub(crate) explicit: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReceiveList {
    #[command(flatten)]
    pub(crate) on: OnBus,
}

#[derive(Debug, Args)]
pub(crate) struct ReceiveFinish {
    #[command(flatten)]
    pub(crate) on: OnBus,
    /// Its number, as listed.
    #[arg(value_name = "NUMBER")]
    pub(crate) intake: u64,
    /// Only begin it: `holdfast jobs show` says how far it is.
    #[arg(long)]
    pub(crate) no_wait: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReceiveDiscard {
    #[command(flatten)]
    pub(crate) on: OnBus,
    /// Its number, as listed.
    #[arg(value_name = "NUMBER")]
    pub(crate) intake: u64,
    /// Do not ask before that.
    #[arg(long)]
    pub(crate) yes: bool,
}
