//! Disk images in files, read through `qemu-nbd`.
//!
//! The formats are many and their readers old targets of attack, so none is written here: a child
//! process reads the image and serves it on a private socket. An image is made by whoever was
//! backed up, and can name other files that the reader then opens with the rights of this
//! process. So it must stand alone: what it names is looked at before, and what the child really
//! opened is looked at after, because a client may rewrite its image in between. It must also be
//! all there: readers take what is missing at the end of a file for zeroes.

mod folder;
mod format;
mod header;
mod opened;
mod server;
#[cfg(test)]
mod tests;
mod vmdk;
mod whole;

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;

use self::header::Finding;
use self::server::ImageServer;
use super::error::SourceError;
use super::source::NbdSource;
use super::wire::clean_text;
use crate::source::Source;

pub use self::format::ImageFormat;
#[cfg(test)]
pub(crate) use self::server::activate;

/// Whether an image may take contents from other files that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backing {
    /// Right for every image that a client could have written.
    Refuse,
    /// The image, and all that it names, were made by somebody trusted with this box.
    Follow,
}

/// The volume in a disk image. Its server ends with it, and also when this process is killed.
#[derive(Debug)]
pub struct ImageSource {
    nbd: NbdSource,
    name: String,
    /// After the connections in the order of drops, so that they can say goodbye.
    _server: ImageServer,
}

impl ImageSource {
    /// Opens the image in a file; `None` when the file has none of the formats and is raw.
    /// `Unlike` when its name says that it is not.
    ///
    /// Devices are raw whatever they hold: what a guest writes to its disk says nothing here.
    pub fn open(path: &Path, backing: Backing) -> Result<Option<Self>, SourceError> {
        let outside = |source| SourceError::File { path: path.to_owned(), source };
        // Others than regular files may not even be opened without waiting.
        if !path.metadata().map_err(outside)?.is_file() {
            return Ok(None);
        }
        let file = File::open(path).map_err(outside)?;
        let Some(format) = ImageFormat::detect(&file).map_err(outside)? else {
            return match ImageFormat::promised(path) {
                None => Ok(None),
                Some(format) => Err(SourceError::Unlike { path: path.to_owned(), format }),
            };
        };
        refuse(path, format, header::find(&file, format).map_err(outside)?, backing)?;
        // An absolute path cannot be taken for one of the reader's own protocols.
        let path = path.canonicalize().map_err(outside)?;
        whole::check(&path, &file, format)?;
        let server = ImageServer::start(&path, format)?;
        if backing == Backing::Refuse {
            let stranger = opened::stranger(server.process(), &file, &path, format);
            if let Some(stranger) = stranger.map_err(outside)? {
                return Err(linked(&path, format, &stranger.display().to_string()));
            }
        }
        let nbd = NbdSource::connect(server.address())?;
        Ok(Some(Self { nbd, name: path.display().to_string(), _server: server }))
    }
}

impl Source for ImageSource {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn size(&self) -> u64 {
        self.nbd.size()
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.nbd.read(offset, buffer)
    }

    fn data(&self, range: Range<u64>) -> io::Result<Option<Range<u64>>> {
        self.nbd.data(range)
    }
}

fn refuse(
    path: &Path,
    format: ImageFormat,
    finding: Finding,
    backing: Backing,
) -> Result<(), SourceError> {
    match finding {
        Finding::Alone => Ok(()),
        Finding::Names(_) if backing == Backing::Follow => Ok(()),
        Finding::Names(names) => Err(linked(path, format, &names)),
        Finding::Differencing => Err(SourceError::Differencing { path: path.to_owned(), format }),
    }
}

fn linked(path: &Path, format: ImageFormat, names: &str) -> SourceError {
    SourceError::Linked { path: path.to_owned(), format, names: clean_text(names.as_bytes()) }
}
