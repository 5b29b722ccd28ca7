//! Why the engine does not start, or ends.

use std::path::PathBuf;

use operations::Failure;

/// A failure that ends the engine. Its text says what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    #[error("{}: {source}; check the path and its permissions", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{}: {source}", path.display())]
    Config { path: PathBuf, source: toml::de::Error },
    /// The state of jobs and alerts. The pool does not need it.
    #[error("{}: {source}; move it away: no recovery point needs it", path.display())]
    State { path: PathBuf, source: rusqlite::Error },
    #[error("{}; {}", .0.what, .0.next)]
    Pool(Failure),
    #[error("{0}; see that the bus runs and that this user may have the name of the engine")]
    Bus(#[from] crate::serve::BusError),
    #[error("the bus has ended; the service manager starts the engine again when it is back")]
    BusEnded,
    #[error("{source}; free some memory or threads, then try again")]
    Runtime { source: std::io::Error },
}

impl From<Failure> for EngineError {
    fn from(failure: Failure) -> Self {
        Self::Pool(failure)
    }
}

pub(crate) type Result<T> = std::result::Result<T, EngineError>;
