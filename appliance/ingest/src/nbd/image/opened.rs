//! Which files the reader of an image really has open.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::format::ImageFormat;

/// The first file or block device that a process has open and that is no part of the image.
///
/// The parts of a VMDK are regular files beside it; other images are one file.
pub(super) fn stranger(
    process: u32,
    image: &File,
    path: &Path,
    format: ImageFormat,
) -> io::Result<Option<PathBuf>> {
    let image = image.metadata()?;
    let is_image = |file: &Metadata| (file.dev(), file.ino()) == (image.dev(), image.ino());
    for entry in fs::read_dir(format!("/proc/{process}/fd"))? {
        let entry = entry?.path();
        let (file, target) = match (fs::metadata(&entry), fs::read_link(&entry)) {
            (Ok(file), Ok(target)) => (file, target),
            // Closed in the meantime.
            (Err(error), _) | (_, Err(error)) if error.kind() == io::ErrorKind::NotFound => {
                continue;
            }
            (Err(error), _) | (_, Err(error)) => return Err(error),
        };
        let kind = file.file_type();
        if !(kind.is_file() || kind.is_block_device()) || is_image(&file) {
            continue;
        }
        let beside = kind.is_file() && target.parent() == path.parent();
        if !(format == ImageFormat::Vmdk && beside) {
            return Ok(Some(target));
        }
    }
    Ok(None)
}
