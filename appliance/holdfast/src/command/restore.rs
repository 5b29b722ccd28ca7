//! `holdfast restore`: give a recovery point back as a raw image.

use std::io::{Seek, SeekFrom};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::time::Instant;

use disk::Access;
use model::{BLOCK_U64, Bytes};
use restore::{Discard, DiskTarget, StreamTarget, Target};
use serde_json::json;

use crate::access::{OpenPool, create_file, open_disk};
use crate::arguments::{Io, Restore};
use crate::command::pool::confirm;
use crate::failure::Failure;
use crate::interrupt;
use crate::output::{Output, peak_memory};
use crate::progress::shown;

pub(crate) fn run(arguments: &Restore, output: &Output) -> Result<(), Failure> {
    let pool = OpenPool::open(&arguments.pool, Access::ReadOnly, output)?;
    let access = pool.unlock(&arguments.unlock)?;
    let point = pool.point(&access, &arguments.which)?;
    let number = arguments.which.volume;
    let volume = point.volume(number).ok_or_else(|| {
        let what = format!("the recovery point has no volume {number}");
        Failure::new(what, "see `holdfast points`")
    })?;
    let (_runtime, progress) = interrupt::stoppable()?;
    let began = Instant::now();
    let to = &arguments.to;
    let place = Place::of(to);
    let target = place.open(to, volume.bytes(), arguments.yes)?;
    // Two more than there are cores, to work while others wait for a disk to read or to write.
    let workers = std::thread::available_parallelism().map_or(2, usize::from) + 4;
    let restored = shown(output, "restore", &progress, || {
        restore::restore(&access, || volume.clone(), target.as_ref(), workers, &progress)
    });
    drop(target);
    if let Err(error) = restored {
        if place == Place::NewFile {
            // A part of an image must not pass for one.
            let _ = std::fs::remove_file(to);
        }
        return Err(error.into());
    }
    place.finish(to, volume.bytes())?;
    let seconds = began.elapsed().as_secs_f64();
    let value = json!({
        "point": point.point.id.to_string(),
        "bytes": volume.bytes(),
        "bytes_written": progress.added(),
        "seconds": seconds,
        "peak_memory_bytes": peak_memory(),
    });
    let text = || {
        let rate = Bytes((progress.added() as f64 / seconds.max(0.001)) as u64);
        format!(
            "{} restored to {}: {} written in {seconds:.1} s, {rate}/s",
            Bytes(volume.bytes()),
            to.display(),
            Bytes(progress.added()),
        )
    };
    output.result(&value, text);
    Ok(())
}

/// Where a volume goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Stdout,
    Nowhere,
    Device,
    NewFile,
}

impl Place {
    fn of(to: &Path) -> Self {
        let kind = std::fs::metadata(to).map(|meta| meta.file_type());
        match kind {
            _ if to == Path::new("-") => Self::Stdout,
            _ if to == Path::new("/dev/null") => Self::Nowhere,
            Ok(kind) if kind.is_block_device() => Self::Device,
            _ => Self::NewFile,
        }
    }

    fn open(self, to: &Path, bytes: u64, yes: bool) -> Result<Box<dyn Target>, Failure> {
        Ok(match self {
            Self::Stdout => Box::new(StreamTarget::new("standard output", std::io::stdout())),
            Self::Nowhere => Box::new(Discard),
            Self::Device => {
                confirm(to, yes)?;
                let disk = open_disk(to, Access::ReadWrite, Io::Auto)?;
                let device = std::fs::OpenOptions::new().write(true).open(to);
                let mut device = device.map_err(|error| Failure::file(to, &error))?;
                // To the byte: a disk has whole blocks only.
                let room = device.seek(SeekFrom::End(0));
                let room = room.map_err(|error| Failure::file(to, &error))?;
                if room < bytes {
                    let what = format!("{} has {room} bytes, the volume {bytes}", to.display());
                    return Err(Failure::new(what, "use a bigger disk"));
                }
                Box::new(DiskTarget::device(disk, device))
            }
            Self::NewFile => {
                create_file(to, bytes.next_multiple_of(BLOCK_U64).max(BLOCK_U64))?;
                Box::new(DiskTarget::new_file(open_disk(to, Access::ReadWrite, Io::Auto)?))
            }
        })
    }

    /// Cuts a file to the exact size of the volume.
    fn finish(self, to: &Path, bytes: u64) -> Result<(), Failure> {
        if self != Self::NewFile || bytes.is_multiple_of(BLOCK_U64) && bytes > 0 {
            return Ok(());
        }
        let cut = || {
            let file = std::fs::OpenOptions::new().write(true).open(to)?;
            file.set_len(bytes)?;
            file.sync_all()
        };
        cut().map_err(|error| Failure::file(to, &error))
    }
}
