//! Give a volume of a recovery point back as a raw image, or a stream as it came.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use disk::Access;
use model::{BLOCK_U64, Bytes, PointId};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use record::{Progress, Stream, TenantAccess};
use restore::{Discard, DiskTarget, FileTarget, PipeTarget, RestorePoint, Target};
use serde_json::{Value, json};

use crate::Failure;
use crate::new_file::NewFile;
use crate::patient::PatientWriter;
use crate::pool::{Io, create_file, open_disk};

/// Where a volume is wanted.
#[derive(Debug, Clone)]
pub struct Restore {
    pub volume: usize,
    /// A new file, a block device, or - for standard output.
    pub to: PathBuf,
}

/// What was given back.
#[derive(Debug)]
pub struct Restored {
    point: PointId,
    bytes: u64,
    written: u64,
    to: PathBuf,
    seconds: f64,
}

impl Restore {
    /// Writes the volume. What is on a block device is lost: who asks has made sure that this is
    /// meant. A new file has its name only when it is whole, so that a part never passes for all.
    pub fn run(
        &self,
        point: &RestorePoint,
        access: &Arc<TenantAccess>,
        progress: &Progress,
    ) -> Result<Restored, Failure> {
        if let Some(stream) = point.stream(self.volume) {
            return self.run_stream(point, access, &stream, progress);
        }
        let volume = point.volume(self.volume).ok_or_else(|| no_volume(self.volume))?;
        let began = Instant::now();
        let place = Place::of(&self.to);
        let bytes = volume.bytes();
        let (new, target) = place.open(&self.to, bytes, progress)?;
        // Two more than there are cores, to work while others wait for a disk to read or to write.
        let workers = std::thread::available_parallelism().map_or(2, usize::from) + 4;
        restore::restore(access, || volume.clone(), target.as_ref(), workers, progress)?;
        drop(target);
        if let Some(new) = new {
            cut(new.part(), bytes)?;
            new.keep()?;
        }
        Ok(Restored {
            point: point.point.id,
            bytes,
            written: progress.added(),
            to: self.to.clone(),
            seconds: began.elapsed().as_secs_f64(),
        })
    }
}

impl Restore {
    /// Writes a volume to an open file, pipe or device: to an empty file what is not zeroes, to
    /// anything else all of it in order.
    pub fn give(
        number: usize,
        to: OwnedFd,
        point: &RestorePoint,
        access: &Arc<TenantAccess>,
        progress: &Progress,
    ) -> Result<Restored, Failure> {
        if let Some(stream) = point.stream(number) {
            return give_stream(&stream, File::from(to), point, access, progress);
        }
        let volume = point.volume(number).ok_or_else(|| no_volume(number))?;
        let began = Instant::now();
        let (name, file) = ("the file that was given", File::from(to));
        let target: Box<dyn Target + '_> = match is_fresh(&file) {
            true => Box::new(FileTarget::new(name, file, volume.bytes())),
            false => Box::new(PipeTarget::new(name, PatientWriter::new(file, progress))),
        };
        // One more than there are cores: who writes may wait for the one before.
        let workers = std::thread::available_parallelism().map_or(2, usize::from) + 1;
        restore::restore(access, || volume.clone(), target.as_ref(), workers, progress)?;
        Ok(Restored {
            point: point.point.id,
            bytes: volume.bytes(),
            written: progress.added(),
            to: PathBuf::from(name),
            seconds: began.elapsed().as_secs_f64(),
        })
    }
}

impl Restore {
    /// Writes a stream, in order.
    fn run_stream(
        &self,
        point: &RestorePoint,
        access: &Arc<TenantAccess>,
        stream: &Stream,
        progress: &Progress,
    ) -> Result<Restored, Failure> {
        let failed = |error: std::io::Error| Failure::file(&self.to, &error);
        let (new, file) = match Place::of(&self.to) {
            Place::Stdout => (None, stdout()?),
            Place::Nowhere => (None, File::options().write(true).open(&self.to).map_err(failed)?),
            Place::NewFile => {
                let (new, file) = NewFile::create(&self.to)?;
                (Some(new), file)
            }
            Place::Device => return Err(no_device(&self.to)),
        };
        let kept = file.try_clone().map_err(failed)?;
        let restored = give_stream(stream, file, point, access, progress)?;
        if let Some(new) = new {
            kept.sync_all().map_err(failed)?;
            new.keep()?;
        }
        Ok(Restored { to: self.to.clone(), ..restored })
    }
}

fn give_stream(
    stream: &Stream,
    to: File,
    point: &RestorePoint,
    access: &Arc<TenantAccess>,
    progress: &Progress,
) -> Result<Restored, Failure> {
    let (name, began) = ("the file that was given", Instant::now());
    // One more than there are cores: who writes may wait for the one before.
    let workers = std::thread::available_parallelism().map_or(2, usize::from) + 1;
    let mut to = PatientWriter::new(to, progress);
    restore::restore_stream(access, stream, &mut to, name, workers, progress)?;
    Ok(Restored {
        point: point.point.id,
        bytes: stream.bytes(),
        written: progress.added(),
        to: PathBuf::from(name),
        seconds: began.elapsed().as_secs_f64(),
    })
}

fn no_device(to: &Path) -> Failure {
    let what = format!("{} is a block device, and the recovery point is a stream", to.display());
    Failure::new(what, "name a new file, or - to pipe it into the program that reads it")
}

/// Whether it is an empty file that takes writes anywhere.
fn is_fresh(mut file: &File) -> bool {
    let flags = fcntl(file, FcntlArg::F_GETFL).map(OFlag::from_bits_truncate);
    let is_empty = file.metadata().is_ok_and(|meta| meta.is_file() && meta.len() == 0);
    is_empty
        && flags.is_ok_and(|flags| !flags.contains(OFlag::O_APPEND))
        && file.stream_position().is_ok_and(|position| position == 0)
}

/// The number of a volume of a recovery point, by its name or number; of the only one if none is
/// typed.
///
/// # Errors
/// It has no such volume, or several and none is typed: a part is not to pass for all.
pub fn volume_number(point: &RestorePoint, typed: Option<&str>) -> Result<usize, Failure> {
    let volumes = &point.description.volumes;
    let names: Vec<&str> = volumes.iter().map(|volume| volume.name.as_str()).collect();
    choose_volume(&names, typed)
}

/// As [`volume_number`], of volumes that have these names.
pub fn choose_volume(names: &[&str], typed: Option<&str>) -> Result<usize, Failure> {
    if names.is_empty() {
        let what = "nobody knows which volumes the recovery point has while the pool is locked";
        return Err(Failure::new(what, "run `holdfast unlock` first"));
    }
    let refused = |what: String| {
        let next = format!("name one with --volume; it has {}", names.join(", "));
        Failure::new(what, next)
    };
    match (typed, names) {
        (None, [_]) => Ok(0),
        (None, _) => Err(refused("the recovery point has several volumes".to_owned())),
        (Some(typed), _) => {
            let named = names.iter().position(|name| *name == typed);
            let numbered = typed.parse().ok().filter(|number| *number < names.len());
            let missing = || refused(format!("the recovery point has no volume {typed}"));
            named.or(numbered).ok_or_else(missing)
        }
    }
}

fn no_volume(number: usize) -> Failure {
    Failure::new(format!("the recovery point has no volume {number}"), "see `holdfast points`")
}

impl Restored {
    /// What somebody else gave back and told as JSON; `None` if it is not that.
    pub fn of_json(value: &Value, to: PathBuf) -> Option<Self> {
        Some(Self {
            point: value["point"].as_str()?.parse().ok()?,
            bytes: value["bytes"].as_u64()?,
            written: value["bytes_written"].as_u64()?,
            seconds: value["seconds"].as_f64()?,
            to,
        })
    }

    pub fn json(&self) -> Value {
        json!({
            "point": self.point.to_string(),
            "bytes": self.bytes,
            "bytes_written": self.written,
            "seconds": self.seconds,
        })
    }

    pub fn text(&self) -> String {
        let rate = Bytes((self.written as f64 / self.seconds.max(0.001)) as u64);
        format!(
            "{} restored to {}: {} written in {:.1} s, {rate}/s",
            Bytes(self.bytes),
            self.to.display(),
            Bytes(self.written),
            self.seconds,
        )
    }
}

/// Where a volume goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Stdout,
    Nowhere,
    Device,
    NewFile,
}

impl Place {
    /// What a path names.
    pub fn of(to: &Path) -> Self {
        let kind = std::fs::metadata(to).map(|meta| meta.file_type());
        match kind {
            _ if to == Path::new("-") => Self::Stdout,
            _ if to == Path::new("/dev/null") => Self::Nowhere,
            Ok(kind) if kind.is_block_device() => Self::Device,
            _ => Self::NewFile,
        }
    }

    /// What takes a volume of so many bytes there; with a new file, what that is until it is whole.
    fn open<'a>(
        self,
        to: &Path,
        bytes: u64,
        progress: &'a Progress,
    ) -> Result<Opened<'a>, Failure> {
        let target: Box<dyn Target + 'a> = match self {
            Self::Stdout => Box::new(PipeTarget::new(
                "standard output",
                PatientWriter::new(stdout()?, progress),
            )),
            Self::Nowhere => Box::new(Discard),
            Self::Device => {
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
                let blocks = bytes.next_multiple_of(BLOCK_U64).max(BLOCK_U64);
                let (new, ()) = NewFile::make(to, |part| create_file(part, blocks))?;
                let disk = open_disk(new.part(), Access::ReadWrite, Io::Auto)?;
                return Ok((Some(new), Box::new(DiskTarget::new_file(disk))));
            }
        };
        Ok((None, target))
    }
}

type Opened<'a> = (Option<NewFile>, Box<dyn Target + 'a>);

fn stdout() -> Result<File, Failure> {
    let cloned = std::io::stdout().as_fd().try_clone_to_owned();
    let cloned = cloned.map_err(|error| Failure::new(error, "close some files, then try again"));
    cloned.map(File::from)
}

/// Cuts a file of whole blocks to the exact size of the volume.
fn cut(path: &Path, bytes: u64) -> Result<(), Failure> {
    if bytes.is_multiple_of(BLOCK_U64) && bytes > 0 {
        return Ok(());
    }
    let cut = || {
        let file = File::options().write(true).open(path)?;
        file.set_len(bytes)?;
        file.sync_all()
    };
    cut().map_err(|error| Failure::file(path, &error))
}
