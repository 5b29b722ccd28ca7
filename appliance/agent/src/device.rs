//! What is read: a block device, or a file that is a disk image.
//!
//! A block device is read past the page cache. A mounted file system writes past the cache of its
//! own device, so that what this cache has may be older than what is on the disk.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{OFlags, SeekFrom as Place};

use crate::error::{AgentError, Result};

/// A volume that is open for reading.
#[derive(Debug)]
pub(crate) struct Device {
    file: File,
    path: PathBuf,
    bytes: u64,
    /// Holes can be told: it is a file on a file system.
    is_file: bool,
}

impl Device {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let failed = |source| AgentError::Device { path: path.to_owned(), source };
        let kind = std::fs::metadata(path).map_err(failed)?.file_type();
        if !kind.is_file() && !kind.is_block_device() {
            return Err(failed(Error::other("it is neither a block device nor a file")));
        }
        let mut file = match kind.is_block_device() {
            true => open_direct(path),
            false => File::open(path),
        }
        .map_err(failed)?;
        let bytes = file.seek(SeekFrom::End(0)).map_err(failed)?;
        if bytes == 0 {
            return Err(failed(Error::other("it is empty")));
        }
        Ok(Self { file, path: path.to_owned(), bytes, is_file: kind.is_file() })
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Fills `buffer` from there on.
    pub(crate) fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let read = self.file.read_exact_at(buffer, offset);
        read.map_err(|source| AgentError::Device { path: self.path.clone(), source })
    }

    /// Where the next byte is, from `offset` on, that may be other than zero; the end of the volume
    /// if there is none.
    pub(crate) fn next_data(&self, offset: u64) -> u64 {
        if !self.is_file {
            return offset;
        }
        match rustix::fs::seek(&self.file, Place::Data(offset)) {
            Ok(at) => at.clamp(offset, self.bytes),
            Err(rustix::io::Errno::NXIO) => self.bytes,
            // A file system that cannot tell has no holes.
            Err(_) => offset,
        }
    }
}

fn open_direct(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    let direct = options.clone().custom_flags(OFlags::DIRECT.bits().cast_signed()).open(path);
    match direct {
        Err(error) if error.kind() == ErrorKind::InvalidInput => options.open(path),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_and_its_holes_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        let file = File::create(&path).unwrap();
        file.set_len(64 << 20).unwrap();
        file.write_all_at(b"bytes", 32 << 20).unwrap();
        let device = Device::open(&path).unwrap();
        assert_eq!(device.bytes(), 64 << 20);
        let data = device.next_data(0);
        assert!(data == 0 || data == 32 << 20, "{data}");
        let mut read = [0; 5];
        device.read(32 << 20, &mut read).unwrap();
        assert_eq!(&read, b"bytes");
        assert!(device.read((64 << 20) - 4, &mut read).is_err());
    }

    #[test]
    fn what_is_no_disk_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty");
        File::create(&empty).unwrap();
        for (path, says) in
            [(folder.path(), "neither"), (&empty, "empty"), (Path::new("/dev/null"), "neither")]
        {
            let error = Device::open(path).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
