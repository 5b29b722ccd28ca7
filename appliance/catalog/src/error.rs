//! Why a change of the catalog is refused.

use model::{PointId, Span};
use thiserror::Error;

pub type Result<T> = std::result::Result<T, CatalogError>;

/// Why a change of the catalog is refused. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CatalogError {
    #[error("there is no recovery point {point}")]
    Unknown { point: PointId },
    /// It stays until it is released.
    #[error("recovery point {point} is held")]
    Held { point: PointId },
    /// It is younger than the retention lock of its system: `left` of running time to go.
    #[error("recovery point {point} is locked for another {left} of running time")]
    Locked { point: PointId, left: Span },
    /// No other of its system would be left, or only older ones.
    #[error("recovery point {point} is the newest of its system")]
    Newest { point: PointId },
    /// A retention lock is a promise.
    #[error("the retention lock is {lock} and can never be made shorter")]
    LockShortened { lock: Span },
}
