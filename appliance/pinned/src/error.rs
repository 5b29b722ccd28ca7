//! Why there is no identity, or none that TLS can be spoken with.

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use rustls::pki_types::pem;

/// A failure. What to do about it depends on the side, which says it.
#[derive(Debug, thiserror::Error)]
pub enum PinnedError {
    /// A file cannot be read or made.
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: Error },
    /// One of the two files is missing, no certificate or key, or they do not fit together.
    #[error("{}: {what}", path.display())]
    Identity { path: PathBuf, what: String },
}

pub(crate) type Result<T> = std::result::Result<T, PinnedError>;

/// What is wrong with what should be a certificate or a key.
pub(crate) fn wrong(path: &Path, error: &dyn std::fmt::Display) -> PinnedError {
    PinnedError::Identity { path: path.to_owned(), what: error.to_string() }
}

/// A file that is there and may not be read is no reason to make another.
pub(crate) fn unread(path: &Path, error: pem::Error) -> PinnedError {
    match error {
        pem::Error::Io(source) if source.kind() != ErrorKind::NotFound => failed(path)(source),
        error => wrong(path, &error),
    }
}

pub(crate) fn failed(path: &Path) -> impl Fn(Error) -> PinnedError + '_ {
    |source| PinnedError::File { path: path.to_owned(), source }
}
