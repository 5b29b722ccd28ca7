//! From what a person names to a source.

use std::path::Path;

use super::address::NbdAddress;
use super::error::SourceError;
use super::image::{Backing, ImageSource};
use super::source::NbdSource;
use crate::source::{FileSource, Source};

/// Opens what a text names: an NBD address, else the path of a disk image, a raw image or a block
/// device. An image that names other files is refused.
pub fn open_source(text: &str) -> Result<Box<dyn Source>, SourceError> {
    open_source_with(text, Backing::Refuse)
}

/// Like [`open_source`], and says what to do with an image that names other files.
pub fn open_source_with(text: &str, backing: Backing) -> Result<Box<dyn Source>, SourceError> {
    if NbdAddress::claims(text) {
        return Ok(Box::new(NbdSource::connect(&text.parse()?)?));
    }
    let path = Path::new(text);
    if let Some(image) = ImageSource::open(path, backing)? {
        return Ok(Box::new(image));
    }
    let raw = FileSource::open(path);
    Ok(Box::new(raw.map_err(|source| SourceError::File { path: path.to_owned(), source })?))
}
