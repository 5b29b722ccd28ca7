//! Why a record cannot be written or read in the clear.

use std::sync::Arc;

use format::FormatError;
use model::Digest;
use seal::SealError;
use store::StoreError;

/// What went wrong, by where the caller must look.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RecordError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys do not fit, or do not open what is intact.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The record is what was sealed, and yet not what its kind must be: a bug wrote it.
    #[error("record {digest}: {source}")]
    Format { digest: Digest, source: FormatError },
    /// A record of another kind has this digest.
    #[error("record {digest} is of another kind")]
    Kind { digest: Digest },
    /// A chunk is shorter than the manifest says.
    #[error("chunk {digest} is shorter than its manifest says")]
    Short { digest: Digest },
    /// A manifest that is not as deep or wide as its volume.
    #[error("the manifest of the volume does not fit its size")]
    Shape,
    /// Somebody asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// The place that bytes come from or go to failed.
    #[error("{name}: {source}")]
    Outside { name: String, source: Arc<std::io::Error> },
}

/// Result of a record operation.
pub type Result<T, E = RecordError> = std::result::Result<T, E>;
