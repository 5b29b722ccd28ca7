//! One client's connection, from its first byte to its last.

mod handshake;
mod input;
mod output;
mod transmit;

use std::io;

pub(crate) use handshake::{Door, serve};

/// Why a connection was closed that the client did not end by itself. The server and its other
/// connections go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the client does not speak NBD")]
    NotNbd,
    #[error("the client did not finish its handshake in time")]
    HandshakeTimeout,
    #[error("an option with {length} bytes of data")]
    OptionTooLong { length: u32 },
    #[error("the client asked for an export that does not exist, or for one without TLS")]
    NoSuchExport,
    #[error("the TLS handshake failed")]
    Tls,
    #[error("a request without the protocol's magic number")]
    BadRequest,
    #[error("a write of {length} bytes")]
    PayloadTooLong { length: u32 },
    #[error("the client stopped in the middle of a request or a reply")]
    Stalled,
    #[error("the connection ended in the middle of a request")]
    CutShort,
    #[error("the connection was lost: {0}")]
    Lost(io::ErrorKind),
    /// A defect of this program; what became of the request is unknown.
    #[error("a request failed without a reply")]
    Failed,
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::CutShort,
            other => Self::Lost(other),
        }
    }
}
