//! What this crate refuses.

use thiserror::Error;

/// A text that is not the name of an alert code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("there is no such alert code")]
pub struct UnknownCode;

/// A number that is no severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a severity is a number from 1 to 10, not {0}")]
pub struct NoSeverity(pub u8);

/// Why an alert cannot be acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AcknowledgeError {
    #[error("there is no such open alert")]
    NotOpen,
    /// An acknowledgement is kept with who made it.
    #[error("an acknowledgement needs a name")]
    NoName,
}
