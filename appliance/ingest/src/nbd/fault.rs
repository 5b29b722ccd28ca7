//! What goes wrong on one connection, before the server and the export are named.

use std::io;

use super::wire::{Refusal, Violation};

#[derive(Debug)]
pub(crate) enum Fault {
    /// The connection broke, or nothing came in time. Another one may do.
    Broken(io::Error),
    /// The server sent what no server may send.
    Violation(Violation),
    /// The server does not give the export; `message` has its own words, if any.
    Refused { refusal: Refusal, message: String },
    /// The server could not do what a request asked.
    Failed { errno: u32, message: String },
}

/// Error number by which a server says that it is going away.
const ESHUTDOWN: u32 = 108;

impl Fault {
    /// Whether the same may work over a new connection.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Broken(_) => true,
            Self::Failed { errno, .. } => *errno == ESHUTDOWN,
            Self::Violation(_) | Self::Refused { .. } => false,
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

impl From<Violation> for Fault {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}
