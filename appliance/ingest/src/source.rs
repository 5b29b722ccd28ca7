//! Where the bytes of a volume come from.

use std::fmt::Debug;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, FileTypeExt};
use std::path::Path;

/// A disk image or device that can be read at any place, by several workers at once.
pub trait Source: Send + Sync + Debug {
    /// For people.
    fn name(&self) -> String;

    /// Bytes of the volume.
    fn size(&self) -> u64;

    /// Fills `buffer` from `offset`; the range is inside the volume.
    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// The first part of `range` that may hold something other than zeroes; `None` when it
    /// certainly holds only zeroes. A source that does not know gives the whole range.
    fn data(&self, range: Range<u64>) -> io::Result<Option<Range<u64>>>;
}

/// A raw image in a file, or a block device.
#[derive(Debug)]
pub struct FileSource {
    file: File,
    name: String,
    size: u64,
}

impl FileSource {
    /// Opens a raw image or a block device for reading.
    pub fn open(path: &Path) -> io::Result<Self> {
        // Looked at first: merely opening a FIFO waits for whoever writes to it.
        let kind = std::fs::metadata(path)?.file_type();
        if kind.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "a directory has no volume"));
        }
        if !kind.is_file() && !kind.is_block_device() {
            let what = "neither a file nor a block device";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        let mut file = File::open(path)?;
        // Seeking tells the size of devices too, whose metadata has none.
        let size = io::Seek::seek(&mut file, io::SeekFrom::End(0))?;
        Ok(Self { file, name: path.display().to_string(), size })
    }
}

impl Source for FileSource {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => shorter(offset + buffer.len() as u64),
            _ => error,
        })
    }

    fn data(&self, range: Range<u64>) -> io::Result<Option<Range<u64>>> {
        use nix::unistd::{Whence, lseek};
        let at = i64::try_from(range.start).map_err(io::Error::other)?;
        let start = match lseek(&self.file, at, Whence::SeekData) {
            Ok(start) => start as u64,
            // A hole up to the end, or an end that is no longer where it was.
            Err(nix::errno::Errno::ENXIO) => {
                let end = lseek(&self.file, 0, Whence::SeekEnd)? as u64;
                return if end < self.size { Err(shorter(end)) } else { Ok(None) };
            }
            // The file system cannot tell.
            Err(_) => return Ok(Some(range)),
        };
        if start >= range.end {
            return Ok(None);
        }
        let end = lseek(&self.file, start as i64, Whence::SeekHole).map_or(range.end, |e| e as u64);
        Ok(Some(start..end.clamp(start, range.end)))
    }
}

/// What is no longer there must not pass for zeroes.
fn shorter(byte: u64) -> io::Error {
    let what = format!("ends before byte {byte}: it became shorter");
    io::Error::new(io::ErrorKind::UnexpectedEof, what)
}
