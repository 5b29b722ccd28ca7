//! Why the receiver does not start, or ends.

use std::net::SocketAddr;
use std::path::PathBuf;

use pinned::PinnedError;

/// A failure that ends the receiver. Its text says what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ReceiverError {
    #[error("{}: {source}; check the path and its permissions", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{}: {source}", path.display())]
    Config { path: PathBuf, source: toml::de::Error },
    /// The configuration can be read and makes no sense.
    #[error("{what}; correct the configuration")]
    Rule { what: String },
    #[error("{}: {what}; move both files away to have a new pair made, and pin its \
             fingerprint at every agent", path.display())]
    Certificate { path: PathBuf, what: String },
    #[error("{address}: {source}; choose another address to listen at, or end who has it")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("{0}; see that the bus runs and that this user may talk to the engine")]
    Bus(#[from] bus::ClientError),
    #[error("{source}; free some memory or threads, then try again")]
    Runtime { source: std::io::Error },
}

impl From<PinnedError> for ReceiverError {
    fn from(error: PinnedError) -> Self {
        match error {
            PinnedError::File { path, source } => Self::File { path, source },
            PinnedError::Identity { path, what } => Self::Certificate { path, what },
        }
    }
}

pub(crate) type Result<T> = std::result::Result<T, ReceiverError>;
