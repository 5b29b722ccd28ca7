//! What can be typed about serving a recovery point as a disk.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::values::bytes;
use super::{PoolDisks, Unlock, Which};

#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) pool: PoolDisks,
    #[command(flatten)]
    pub(crate) unlock: Unlock,
    #[command(flatten)]
    pub(crate) which: Which,
    /// Listen on this Unix socket.
    #[arg(long, value_name = "PATH", required_unless_present = "listen")]
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
}
