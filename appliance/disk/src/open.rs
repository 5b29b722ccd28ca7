//! From a path to a disk: what it is, that nobody else has it, how large it is.

mod geometry;

use std::fs::{self, File, FileType, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use model::BLOCK_U64;

use crate::queue::QueuedDisk;
use crate::{Access, Backend, Disk, DiskError};

/// Opens a regular file or block device as a disk.
///
/// The disk is held until the last handle is dropped: a device exclusively, a file under a lock
/// that its readers share. Transfers bypass the page cache; only on a file system that cannot do
/// that they go through it, with the same promises. A size that is not whole blocks is rounded
/// down.
///
/// # Errors
/// [`DiskError::Busy`], [`DiskError::NotADisk`], [`DiskError::TooSmall`],
/// [`DiskError::SectorTooLarge`], [`DiskError::Open`]; [`DiskError::NoUring`] where the kernel has
/// no io_uring for this process, in which case [`Backend::Threads`] works.
pub fn open(path: &Path, access: Access, backend: Backend) -> Result<Arc<dyn Disk>, DiskError> {
    let (file, bytes) = open_exclusively(path, access)?;
    if bytes < BLOCK_U64 {
        return Err(DiskError::TooSmall { path: path.into(), bytes });
    }
    let size = bytes - bytes % BLOCK_U64;
    Ok(Arc::new(QueuedDisk::start(path, file, size, access, backend)?))
}

/// Makes a new sparse file of `bytes` for a file-backed disk, and makes it durable.
///
/// # Errors
/// [`DiskError::Exists`] rather than replacing a file, [`DiskError::TooSmall`] and
/// [`DiskError::Misaligned`] for sizes that are not whole blocks, else [`DiskError::Open`]. After
/// an error no new file is left behind.
pub fn create_file(path: &Path, bytes: u64) -> Result<(), DiskError> {
    if bytes < BLOCK_U64 {
        return Err(DiskError::TooSmall { path: path.into(), bytes });
    }
    if !bytes.is_multiple_of(BLOCK_U64) {
        let disk = path.to_string_lossy().into();
        return Err(DiskError::Misaligned { disk, offset: 0, length: bytes });
    }
    let created = OpenOptions::new().write(true).create_new(true).open(path);
    let file = created.map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => DiskError::Exists { path: path.into() },
        _ => DiskError::Open { path: path.into(), source },
    })?;
    extend_durably(&file, path, bytes).map_err(|source| {
        // Best effort: the first error is the one to report.
        let _ = fs::remove_file(path);
        DiskError::Open { path: path.into(), source }
    })
}

fn extend_durably(file: &File, path: &Path, bytes: u64) -> io::Result<()> {
    file.set_len(bytes)?;
    file.sync_all()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn open_exclusively(path: &Path, access: Access) -> Result<(File, u64), DiskError> {
    let failed = |source| DiskError::Open { path: path.into(), source };
    // Looked at first, because merely opening a FIFO or a tape does something.
    let kind = fs::metadata(path).map_err(failed)?.file_type();
    if kind.is_block_device() {
        let file = open_device(path, access)?;
        let bytes = geometry::device_bytes(&file).map_err(failed)?;
        let sector_bytes = geometry::sector_bytes(&file).map_err(failed)?;
        if sector_bytes > BLOCK_U64 {
            return Err(DiskError::SectorTooLarge { path: path.into(), sector_bytes });
        }
        Ok((file, bytes))
    } else if kind.is_file() {
        let file = open_file(path, access)?;
        let bytes = file.metadata().map_err(failed)?.len();
        Ok((file, bytes))
    } else {
        Err(DiskError::NotADisk { path: path.into() })
    }
}

fn open_device(path: &Path, access: Access) -> Result<File, DiskError> {
    let file =
        open_with(path, access, libc::O_DIRECT | libc::O_EXCL).map_err(|source| {
            match source.raw_os_error() {
                Some(libc::EBUSY) => DiskError::Busy { path: path.into() },
                _ => DiskError::Open { path: path.into(), source },
            }
        })?;
    still(file, path, FileType::is_block_device)
}

fn open_file(path: &Path, access: Access) -> Result<File, DiskError> {
    let opened = match open_with(path, access, libc::O_DIRECT) {
        // The file system cannot bypass the page cache.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => open_with(path, access, 0),
        opened => opened,
    };
    let file = opened.map_err(|source| DiskError::Open { path: path.into(), source })?;
    let file = still(file, path, FileType::is_file)?;
    let locked = match access {
        Access::ReadOnly => file.try_lock_shared(),
        Access::ReadWrite => file.try_lock(),
    };
    match locked {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DiskError::Busy { path: path.into() }),
        Err(TryLockError::Error(source)) => Err(DiskError::Open { path: path.into(), source }),
    }
}

fn open_with(path: &Path, access: Access, flags: i32) -> io::Result<File> {
    let write = access == Access::ReadWrite;
    OpenOptions::new().read(true).write(write).custom_flags(flags).open(path)
}

/// Makes sure that the path still named the same kind of thing when it was opened.
fn still(file: File, path: &Path, is: fn(&FileType) -> bool) -> Result<File, DiskError> {
    match file.metadata() {
        Ok(metadata) if is(&metadata.file_type()) => Ok(file),
        Ok(_) => Err(DiskError::NotADisk { path: path.into() }),
        Err(source) => Err(DiskError::Open { path: path.into(), source }),
    }
}
