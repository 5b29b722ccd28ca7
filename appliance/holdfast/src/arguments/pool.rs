//! What can be typed about a pool: which one, what opens it, how to make it.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::AskEngine;
use super::values::bytes;

/// Which pool, and how its disks are used.
#[derive(Debug, Args)]
pub(crate) struct PoolDisks {
    /// Disks of the pool: block devices or files, separated by commas. Without them the running
    /// engine is asked, which has them open and its keys.
    #[arg(long = "pool", value_name = "DISK,…", value_delimiter = ',')]
    pub(crate) disks: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) ask: AskEngine,
    /// Go on without a disk that is missing. It must be resynchronised before it is used again.
    #[arg(long, requires = "disks")]
    pub(crate) degraded: bool,
    /// How transfers reach the kernel.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) io: Io,
}

impl PoolDisks {
    /// The pool that is wanted.
    pub(crate) fn wanted(&self) -> operations::PoolDisks {
        let Self { disks, degraded, io, .. } = self;
        operations::PoolDisks { disks: disks.clone(), degraded: *degraded, io: (*io).into() }
    }
}

/// How transfers reach the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Io {
    /// io_uring where the kernel allows it, threads elsewhere.
    #[default]
    Auto,
    Uring,
    Threads,
}

impl From<Io> for operations::Io {
    fn from(io: Io) -> Self {
        match io {
            Io::Auto => Self::Auto,
            Io::Uring => Self::Uring,
            Io::Threads => Self::Threads,
        }
    }
}

/// What opens the keys.
#[derive(Debug, Args)]
pub(crate) struct Unlock {
    /// File whose first line is the passphrase. Without this it is asked for.
    #[arg(long, value_name = "FILE", conflicts_with = "kit_file")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// File with a recovery kit.
    #[arg(long, value_name = "FILE")]
    pub(crate) kit_file: Option<PathBuf>,
    /// Cipher library; both write the same bytes.
    #[arg(long, value_enum, hide = true)]
    pub(crate) cipher: Option<Cipher>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Cipher {
    AesGcm,
    AwsLc,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Pool {
    /// Make a pool of one or two disks. What is on them is lost.
    Create(PoolCreate),
    /// How full and how well the pool is.
    Status(PoolStatus),
}

#[derive(Debug, Args)]
pub(crate) struct PoolCreate {
    /// Block devices, or files to be made. Two are a mirror.
    #[arg(value_name = "DISK", required = true, num_args = 1..=2)]
    pub(crate) disks: Vec<PathBuf>,
    /// Size of disks that are files to be made, as in 500GiB.
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub(crate) size: Option<u64>,
    /// Write the recovery kit to this new file.
    #[arg(long, value_name = "FILE")]
    pub(crate) kit_out: PathBuf,
    /// Do not ask before what is on the disks is lost.
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) unlock: Unlock,
}

#[derive(Debug, Args)]
pub(crate) struct PoolStatus {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
}
