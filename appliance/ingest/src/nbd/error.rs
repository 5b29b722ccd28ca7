//! Why a source cannot be opened or read.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::address::AddressFault;
use super::image::ImageFormat;
use super::wire::{Refusal, Violation};

/// What went wrong, by what a person must do about it. Nothing is ever half read in silence: a
/// read that cannot be whole is one of these.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The text is meant as an address and is none.
    #[error("{text:?} is not the address of an NBD export: {reason}")]
    Address { text: String, reason: AddressFault },
    /// Nobody answers there.
    #[error("cannot reach the NBD server at {server}: {source}")]
    Connect { server: String, source: io::Error },
    /// The server answers, and does not give the export.
    #[error("the NBD server at {server} refused export {export:?}: {refusal}{}", Said(message))]
    Refused { server: String, export: String, refusal: Refusal, message: String },
    /// The server is broken, or is no NBD server.
    #[error("the NBD server at {server} broke the protocol: {violation}")]
    Protocol { server: String, violation: Violation },
    /// The connection broke, and so did the next one, or could not be made.
    #[error("lost the NBD server at {server}: {source}")]
    Lost { server: String, source: io::Error },
    /// The server cannot read its own disk there.
    #[error(
        "the NBD server at {server} could not read export {export:?}: error {errno}{}",
        Said(message)
    )]
    Unreadable { server: String, export: String, errno: u32, message: String },
    /// The volume is not the one that was opened.
    #[error("the export of {server} had {was} bytes and has {is} now")]
    Resized { server: String, was: u64, is: u64 },
    /// Nobody can say what changed: all has to be read.
    #[error("the NBD server at {server} has no bitmap {bitmap:?} for export {export:?}")]
    NoBitmap { server: String, export: String, bitmap: String },
    /// A file or device cannot be opened or looked at.
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    /// An image names another file, and whoever made the image chose which.
    #[error(
        "the {format} image {} takes its contents from {names:?} too, which may be any file of \
         this box",
        path.display()
    )]
    Linked { path: PathBuf, format: ImageFormat, names: String },
    /// The image holds only what differs from another one, and cannot be read by itself.
    #[error("the {format} image {} holds only what differs from its parent", path.display())]
    Differencing { path: PathBuf, format: ImageFormat },
    /// The program that reads images is not on this box.
    #[error("{tool} is not installed, which reads {format} images")]
    ToolMissing { tool: &'static str, format: ImageFormat },
    /// The file's name promises a format of which nothing is in it.
    #[error("{} has the name of a {format} image and is none: it may be cut off", path.display())]
    Unlike { path: PathBuf, format: ImageFormat },
    /// The program that reads images cannot read this one, or it is not all there.
    #[error("the {format} image {} cannot be read whole{}", path.display(), Said(message))]
    Image { path: PathBuf, format: ImageFormat, message: String },
}

impl SourceError {
    /// What a technician does next.
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::Address { .. } => {
                "name it as nbd://HOST/NAME or nbd+unix:///NAME?socket=PATH, or give a path"
            }
            Self::Connect { .. } => "start the server, or check its address",
            Self::Refused { refusal, .. } => refusal.next_step(),
            Self::Protocol { .. } => "check that an NBD server listens there, and which version",
            Self::Lost { .. } => "see that the server still runs, then run the command again",
            Self::Unreadable { .. } => "look into the server's log and at its disk",
            Self::Resized { .. } => "run the command again when its size no longer changes",
            Self::NoBitmap { .. } => "read all of it: a new bitmap is begun then",
            Self::File { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => "check the path: no such image file or block device",
                io::ErrorKind::PermissionDenied => "run it as a user who may read that",
                _ => "name an image file, a block device or an NBD address",
            },
            Self::Linked { .. } => "make it stand alone with `qemu-img convert`",
            Self::Differencing { .. } => "merge it into its parent first",
            Self::ToolMissing { .. } => "install the package qemu-utils",
            Self::Unlike { .. } => "copy it here again, or rename it to .raw if that is what it is",
            Self::Image { .. } => "look at it with `qemu-img check`, or copy it here again",
        }
    }
}

/// The words of another program, if it had any.
struct Said<'a>(&'a str);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => Ok(()),
            words => write!(f, " ({words})"),
        }
    }
}

impl From<SourceError> for io::Error {
    fn from(error: SourceError) -> Self {
        Self::other(error)
    }
}
