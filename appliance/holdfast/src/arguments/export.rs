//! What can be typed about serving a recovery point as a disk.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::values::bytes;
use super::{OnBus, PoolDisks, Unlock, Which};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
    #[command(flatten)]
    pub(crate) unlock: Unlock,
    /// Recovery point, as listed by `points`; its first characters do, or `latest`.
    #[arg(long, value_name = "ID", required = true)]
    pub(crate) point: Option<String>,
    /// Name or number of the volume; the only one without this.
    #[arg(long, value_name = "VOLUME")]
    pub(crate) volume: Option<String>,
    /// Listen on this Unix socket. An engine chooses it itself.
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// Listen on this TCP address, with TLS.
    #[arg(long, value_name = "ADDRESS", requires = "tls_certificate")]
    pub(crate) listen: Option<SocketAddr>,
    /// PEM file with the server's certificate.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_certificate: Option<PathBuf>,
    /// PEM file with the server's private key.
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
    /// PEM file with authorities: clients need a certificate of one of them.
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_clients: Option<PathBuf>,
    /// Keep writes in this file, made if it is not there; they survive a restart. Without it the
    /// export is read-only.
    #[arg(long, value_name = "FILE")]
    pub(crate) overlay: Option<PathBuf>,
    /// Name of the export, besides the empty one.
    #[arg(long, default_value = "")]
    pub(crate) name: String,
    /// Memory for opened chunks. Without this, a quarter of what is free now, at most 8 GiB.
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub(crate) cache: Option<u64>,
    /// Take writes, which the engine keeps in an overlay of its own.
    #[arg(long, conflicts_with = "disks")]
    pub(crate) writable: bool,
    #[command(subcommand)]
    pub(crate) change: Option<ExportChange>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ExportChange {
    /// Have the engine serve a recovery point until it is told to stop, also over its restarts.
    Start(ExportStart),
    /// List what the engine serves.
    List(ExportList),
    /// End an export, and cut its clients off.
    Stop(ExportStop),
}

#[derive(Debug, Args)]
pub(crate) struct ExportStart {
    #[command(flatten)]
    pub(crate) on: OnBus,
    #[command(flatten)]
    pub(crate) which: Which,
    /// Take writes, which the engine keeps in an overlay of its own.
    #[arg(long)]
    pub(crate) writable: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExportList {
    #[command(flatten)]
    pub(crate) on: OnBus,
}

#[derive(Debug, Args)]
pub(crate) struct ExportStop {
    #[command(flatten)]
    pub(crate) on: OnBus,
    /// Its number, as listed.
    #[arg(value_name = "NUMBER")]
    pub(crate) export: u64,
    /// Throw away what clients wrote.
    #[arg(long)]
    pub(crate) discard: bool,
    /// Do not ask before that.
    #[arg(long)]
    pub(crate) yes: bool,
}
