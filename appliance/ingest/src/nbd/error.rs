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
    #[error("cannot reach the NBD server at {server}: {source}; is it running?")]
    Connect { server: String, source: io::Error },
    /// The server answers, and does not give the export.
    #[error(
        "the NBD server at {server} refused export {export:?}: {refusal}{}; {}",
        Said(message), refusal.next_step()
    )]
    Refused { server: String, export: String, refusal: Refusal, message: String },
    /// The server is broken, or is no NBD server.
    #[error("the NBD server at {server} broke the protocol: {violation}")]
    Protocol { server: String, violation: Violation },
    /// The connection broke, and so did the next one, or could not be made.
    #[error("lost the NBD server at {server}: {source}; is it still running?")]
    Lost { server: String, source: io::Error },
    /// The server cannot read its own disk there.
    #[error(
        "the NBD server at {server} could not read export {export:?}: error {errno}{}; look into \
         its log and at its disk",
        Said(message)
    )]
    Unreadable { server: String, export: String, errno: u32, message: String },
    /// The volume is not the one that was opened.
    #[error("the export of {server} had {was} bytes and has {is} now; start again")]
    Resized { server: String, was: u64, is: u64 },
    /// A file or device cannot be opened or looked at.
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    /// An image names another file, and whoever made the image chose which.
    #[error(
        "the {format} image {} takes its contents from {names:?} too, which may be any file of \
         this box; make it stand alone with qemu-img convert, or allow it if you trust its maker",
        path.display()
    )]
    Linked { path: PathBuf, format: ImageFormat, names: String },
    /// The image holds only what differs from another one, and cannot be read by itself.
    #[error(
        "the {format} image {} holds only what differs from its parent; merge it first",
        path.display()
    )]
    Differencing { path: PathBuf, format: ImageFormat },
    /// The program that reads images is not on this box.
    #[error("{tool} is not installed, which reads {format} images: install qemu-utils")]
    ToolMissing { tool: &'static str, format: ImageFormat },
    /// The program that reads images cannot read this one.
    #[error("the {format} image {} cannot be opened{}", path.display(), Said(message))]
    Image { path: PathBuf, format: ImageFormat, message: String },
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
