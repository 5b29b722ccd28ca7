//! Why the daemon does not start or go on.

use std::net::SocketAddr;
use std::path::PathBuf;

pub type Result<T> = std::result::Result<T, ManageError>;

#[derive(Debug, thiserror::Error)]
pub enum ManageError {
    #[error("{}: {source}. See that it is there and belongs to the service.", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{}: {source}. Mend the configuration.", path.display())]
    Config { path: PathBuf, source: toml::de::Error },
    /// The file with accounts and the audit log. A damaged one is never put aside by itself:
    /// without it anybody who stands at the console could claim the box anew.
    #[error(
        "{}: {source}. If the disk is well, put back a copy of the file, or do a factory reset at \
         the console; recovery points are not touched by that.",
        path.display()
    )]
    State { path: PathBuf, source: rusqlite::Error },
    #[error("{0}")]
    Certificate(#[from] pinned::PinnedError),
    #[error("{0}")]
    Notify(#[from] notify::NotifyError),
    #[error("cannot listen at {address}: {source}. Is another service there already?")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("{0}. Is the bus there? `bus` in the configuration names another.")]
    Bus(#[source] bus::ClientError),
    #[error("the connection to the bus ended")]
    BusEnded,
    #[error("no randomness: {0}")]
    Random(getrandom::Error),
    #[error("threads cannot be started: {source}")]
    Runtime { source: std::io::Error },
}
