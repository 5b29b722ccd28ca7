//! Why a disk cannot be had from a hypervisor.

use std::io;
use std::path::PathBuf;

use ingest::SourceError;
use model::Bytes;

/// What went wrong, by what a person must do about it.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// Nobody answers on the socket, or not in time.
    #[error("cannot talk to QEMU on {}: {source}", socket.display())]
    Lost { socket: PathBuf, source: io::Error },
    /// What answers is no QEMU, or says what nobody understands.
    #[error("what answers on {} does not speak as QEMU does: {what}", socket.display())]
    Strange { socket: PathBuf, what: String },
    /// QEMU does not do what it is told.
    #[error("QEMU refuses {command}: {message}")]
    Refused { command: String, message: String },
    /// What the guest overwrites meanwhile may not fit.
    #[error(
        "{} has {free} free: a pull needs {wanted} there for what the machine overwrites meanwhile",
        folder.display()
    )]
    NoRoom { folder: PathBuf, free: Bytes, wanted: Bytes },
    /// The machine has no disk of that name.
    #[error("the machine has no disk {wanted:?}; it has {have}")]
    NoDisk { wanted: String, have: String },
    /// It has none, or all that it has are left out.
    #[error("no disk is left to take; the machine has {have}")]
    NoneLeft { have: String },
    /// The agent in the guest does not do as it should, or nobody is there.
    #[error("the guest agent {what}")]
    Guest { what: String },
    #[error(transparent)]
    Source(#[from] SourceError),
}

impl LiveError {
    /// What a technician does next.
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::Lost { .. } => {
                "see that the machine runs and that its QMP socket is free: QEMU serves one client \
                 at a time"
            }
            Self::Strange { .. } => "name the socket that -qmp of the machine has",
            Self::Refused { .. } => {
                "see that it is QEMU 7.1 or later and may write beside the disk's image, and that \
                 nobody else has its NBD server"
            }
            Self::NoRoom { .. } => "make room there, beside the image of the machine's disk",
            Self::NoDisk { .. } | Self::NoneLeft { .. } => {
                "name disks that it has in `disks` of the plan, or leave fewer out with `excluded`"
            }
            Self::Guest { .. } => {
                "see that qemu-ga runs in the guest, and that nobody else is connected to its \
                 socket"
            }
            Self::Source(error) => error.next_step(),
        }
    }
}

pub(crate) type Result<T> = std::result::Result<T, LiveError>;
