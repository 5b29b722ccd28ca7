//! What an image says about other files that its contents come from.
//!
//! Layouts: qcow2 from QEMU's `docs/interop/qcow2.txt`, VHD from Microsoft's "Virtual Hard Disk
//! Image Format Specification". VHDX and VDI are not looked at: their reader refuses images with
//! a parent.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::format::{ImageFormat, SECTOR, footer};
use super::vmdk;

/// Whether an image stands alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finding {
    Alone,
    /// It names another file, in these words.
    Names(String),
    /// It needs a parent that its reader does not look for.
    Differencing,
}

/// In the incompatible features of qcow2: the data are in another file.
const EXTERNAL_DATA: u64 = 1 << 2;

/// The type of a VHD whose unwritten blocks are those of a parent.
const VHD_DIFFERENCING: u64 = 4;

/// Longest name of a backing file in qcow2, in bytes.
const MAX_BACKING_NAME: u32 = 1023;

/// Looks at the headers of an image.
pub(super) fn find(file: &File, format: ImageFormat) -> io::Result<Finding> {
    match format {
        ImageFormat::Qcow2 => qcow2(file),
        ImageFormat::Vmdk => vmdk::find(file),
        ImageFormat::Vhd => vhd(file),
        ImageFormat::Vhdx | ImageFormat::Vdi => Ok(Finding::Alone),
    }
}

fn qcow2(file: &File) -> io::Result<Finding> {
    // One that ends within its header is for the reader to refuse.
    let head = read_up_to(file, 0, 104)?;
    let version = number(&head, 4, 4);
    let (offset, length) = (number(&head, 8, 8), number(&head, 16, 4));
    if offset != 0 || length != 0 {
        let length = length.min(MAX_BACKING_NAME.into()) as usize;
        let name = read_up_to(file, offset, length)?;
        return Ok(Finding::Names(String::from_utf8_lossy(&name).into_owned()));
    }
    if version >= 3 && number(&head, 72, 8) & EXTERNAL_DATA != 0 {
        return Ok(Finding::Names("an external data file".to_owned()));
    }
    Ok(Finding::Alone)
}

fn vhd(file: &File) -> io::Result<Finding> {
    // The copy in front is the one that the reader takes when there is one.
    for sector in [read_up_to(file, 0, SECTOR)?, footer(file)?.to_vec()] {
        if sector.starts_with(b"conectix") && number(&sector, 60, 4) == VHD_DIFFERENCING {
            return Ok(Finding::Differencing);
        }
    }
    Ok(Finding::Alone)
}

/// The bytes at an offset, fewer where the file ends.
pub(super) fn read_up_to(file: &File, offset: u64, length: usize) -> io::Result<Vec<u8>> {
    let left = file.metadata()?.len().saturating_sub(offset);
    let mut bytes = vec![0; length.min(usize::try_from(left).unwrap_or(usize::MAX))];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(bytes)
}

/// A big-endian number of a few bytes; zero where the bytes end.
fn number(bytes: &[u8], at: usize, length: usize) -> u64 {
    let field = bytes.get(at..at + length).unwrap_or_default();
    field.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
