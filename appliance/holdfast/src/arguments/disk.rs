//! What can be typed about the disks of a pool.

use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::values::{bytes, rate};
use super::{PoolDisks, Waiting};

#[derive(Debug, Subcommand)]
pub(crate) enum DiskCommand {
    /// What each disk is to the pool, and what it lacks.
    Status(DiskStatus),
    /// Make a mirror of a pool on one disk.
    Add(DiskAdd),
    /// Put a new disk in the place of another. One that still works stays in service until the new
    /// one has everything; run the same command again after a stop.
    Replace(DiskReplace),
    /// Take a disk back that was left behind; only what differs is copied.
    Return(DiskReturn),
    /// Take a disk out of a mirror for good.
    Remove(DiskRemove),
    /// Copy what a disk lacks, after a stop or a failure. What an engine copies already goes on at
    /// the rate that is given, or without one.
    Resync(DiskResync),
}

#[derive(Debug, Args)]
pub(crate) struct DiskStatus {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
}

#[derive(Debug, Args)]
pub(crate) struct DiskAdd {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
    #[command(flatten)]
    pub(crate) new: NewDisk,
}

#[derive(Debug, Args)]
pub(crate) struct DiskReplace {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
    /// Number of the member to replace, as `disk status` shows it. Not needed if one is missing.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) member: Option<usize>,
    #[command(flatten)]
    pub(crate) new: NewDisk,
}

/// A disk that comes into a pool.
#[derive(Debug, Args)]
pub(crate) struct NewDisk {
    /// A block device, or a file. What is on it is lost.
    #[arg(value_name = "DISK")]
    pub(crate) disk: PathBuf,
    /// Size of a file to be made, as in 500GiB.
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub(crate) size: Option<u64>,
    /// Do not ask before what is on the disk is lost.
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) copying: Copying,
}

/// Whether copies are made at once, and how fast.
#[derive(Debug, Args)]
pub(crate) struct Copying {
    /// Leave copying to `disk resync`: until then the disk gets what is new only.
    #[arg(long)]
    pub(crate) no_resync: bool,
    #[command(flatten)]
    pub(crate) rate: Rate,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
}

/// How fast copies are made. Beside reads and writes of others they always go slower.
#[derive(Debug, Args)]
pub(crate) struct Rate {
    /// Copy at most so many bytes a second, as in 50M.
    #[arg(long, value_name = "BYTES", value_parser = rate)]
    pub(crate) rate: Option<NonZeroU64>,
}

#[derive(Debug, Args)]
pub(crate) struct DiskReturn {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
    /// The disk that was left behind.
    #[arg(value_name = "DISK")]
    pub(crate) disk: PathBuf,
    /// If it went on alone, too, do not ask before what only it has got is lost.
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) copying: Copying,
}

#[derive(Debug, Args)]
pub(crate) struct DiskRemove {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
    /// Number of the member to remove, as `disk status` shows it.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) member: usize,
    /// Do not ask.
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DiskResync {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
    #[command(flatten)]
    pub(crate) rate: Rate,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
}
