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
    /// Nobody can tell which disk is meant, now or in the next pull.
    #[error("several disks of the machine go by the name {name:?}; it has {have}")]
    Ambiguous { name: String, have: String },
    #[error("the machine has {have} disks, and {most} at most are taken together")]
    TooMany { have: usize, most: usize },
    /// It has none, or all that it has are left out.
    #[error("no disk is left to take; the machine has {have}")]
    NoneLeft { have: String },
    /// The agent in the guest does not do as it should, or nobody is there.
    #[error("the guest agent {what}")]
    Guest { what: String },
    /// libvirt's command cannot be run.
    #[error("cannot run {}: {source}", program.display())]
    Virsh { program: PathBuf, source: io::Error },
    /// libvirt cannot be talked to, or not in time.
    #[error("cannot talk to libvirt at {uri}: {message}")]
    Unreachable { uri: String, message: String },
    /// libvirt has no machine of that name.
    #[error("libvirt has no virtual machine {wanted:?}; it has {have}")]
    NoDomain { wanted: String, have: String },
    /// There is no QEMU that could serve the disks.
    #[error("the virtual machine {domain:?} {state}")]
    NotRunning { domain: String, state: &'static str },
    /// A disk that is there, of which nobody can hold a moment.
    #[error("the disk {disk:?} of the virtual machine cannot be pulled: {why}")]
    Unpullable { disk: String, why: &'static str },
    /// Somebody else is at work on the machine.
    #[error("the virtual machine {domain:?} is busy with {with}")]
    Busy { domain: String, with: String },
    /// libvirt does not do what it is told.
    #[error("libvirt refuses {command}: {message}")]
    Libvirt { command: String, message: String },
    /// It was wanted no more.
    #[error("it was given up to take the disks")]
    Stopped,
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
            Self::Ambiguous { .. } => {
                "give the machine's devices and block nodes names (id, node-name) of their own"
            }
            Self::TooMany { .. } => "take them in as several systems, each with some of `disks`",
            Self::NoDisk { .. } | Self::NoneLeft { .. } => {
                "name disks that it has in `disks` of the plan, or leave fewer out with `excluded`"
            }
            Self::Guest { .. } => {
                "see that qemu-ga runs in the guest, and that nobody else is connected to its \
                 socket"
            }
            Self::Virsh { .. } => "install the Debian package libvirt-clients on this box",
            Self::Unreachable { .. } => {
                "see that `virsh -c URI list` works for the user holdfast, with the `uri` of the \
                 plan; over ssh, that it asks for nothing"
            }
            Self::NoDomain { .. } => "name one of them in `domain` of the plan",
            Self::NotRunning { .. } => {
                "start it; while it is off, its images can be taken by the kind image"
            }
            Self::Unpullable { .. } => {
                "name it in `excluded` of the plan, and protect it from inside the guest"
            }
            Self::Busy { .. } => {
                "wait until that has ended; `virsh domjobinfo` and `virsh backup-dumpxml` show it"
            }
            Self::Libvirt { .. } => {
                "do what it says; libvirt 8.5 or later and QEMU 6.0 or later are needed, room for \
                 QEMU's socket as PLAN.md describes, and qcow2 images made by `compat=1.1`"
            }
            Self::Stopped => "nothing; it is done again when it is due",
            Self::Source(error) => error.next_step(),
        }
    }
}

pub(crate) type Result<T> = std::result::Result<T, LiveError>;
