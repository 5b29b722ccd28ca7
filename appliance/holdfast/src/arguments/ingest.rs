//! What can be typed about taking a disk in.

use clap::{Args, ValueEnum};

use super::{PoolDisks, Unlock, Waiting};

#[derive(Debug, Args)]
pub(crate) struct Ingest {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
    #[command(flatten)]
    pub(crate) unlock: Unlock,
    /// Name of the protected system.
    #[arg(long)]
    pub(crate) system: String,
    /// Name of the volume.
    #[arg(long, default_value = "disk")]
    pub(crate) volume: String,
    /// Codec: auto takes zstd while the source is what is slow, LZ4 else.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) compression: Compression,
    /// Compare with this recovery point instead of the system's newest.
    #[arg(long, value_name = "ID", conflicts_with = "no_parent")]
    pub(crate) parent: Option<String>,
    /// Compare with no recovery point.
    #[arg(long)]
    pub(crate) no_parent: bool,
    /// Take in a stream: what the COMMAND behind `--` writes to its standard output. It becomes a
    /// recovery point if the command ends without failure.
    #[arg(long, requires = "command", conflicts_with_all = ["source", "parent", "no_parent"])]
    pub(crate) stream: bool,
    /// Worker threads; each takes 20 MiB of memory. One more than there are cores by default.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=8))]
    pub(crate) workers: Option<u8>,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
    /// A raw image or block device; an image in qcow2, VMDK, VHD, VHDX or VDI; or an NBD server.
    /// Of an engine's machine. Without it an engine takes what its plan says of the system.
    pub(crate) source: Option<String>,
    /// The program that writes the stream, with its arguments, as in `-- pg_dump -Fc shop`.
    #[arg(last = true, requires = "stream", value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Compression {
    #[default]
    Auto,
    Lz4,
    Zstd,
}
