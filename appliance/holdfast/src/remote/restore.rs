//! `holdfast restore`, by the engine: to a file of the caller, which this command opens and passes
//! along, or to a path that the engine opens itself.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Seek, SeekFrom};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use bus::{JobState, JobView, Place as Object, RestoreOptions};
use operations::{Failure, NewFile, Place, Restored};
use zbus::Fd;

use super::engine::Engine;
use super::job::{self, Came};
use super::seen::volume;
use crate::arguments::Restore;
use crate::command::pool::confirm;
use crate::output::Output;

pub(crate) fn run(engine: &Engine, restore: &Restore, output: &Output) -> Result<(), Failure> {
    let seen = engine.seen()?;
    let (id, point) = seen.point(&restore.which.point)?;
    let (volume, bytes) = volume(point, restore.which.volume.as_deref())?;
    let place = Object::Point(id);
    if restore.on_box {
        return on_box(engine, &place, volume, restore, output);
    }
    if restore.waiting.no_wait {
        let next = "wait for it, or name a path of the engine's machine with --on-box";
        return Err(Failure::new("nobody would see to a file that is restored in part", next));
    }
    let target = Target::open(&restore.to, bytes, restore.yes)?;
    let body = (Fd::from(target.descriptor()?), volume.as_str());
    let came = job::run(engine, false, output, engine.client().begin(&place, "RestoreTo", &body));
    // The engine's own is the last that is open.
    drop(body);
    match came? {
        Came::Ended(job) => {
            if job.state == JobState::Done {
                target.keep(&restore.to)?;
            }
            tell(&job, &restore.to, output)
        }
        // What it wrote goes.
        came @ Came::GivenUp(_) => came.tell(output),
        came => {
            // It is still being written.
            target.leave();
            came.tell(output)
        }
    }
}

fn on_box(
    engine: &Engine,
    place: &Object,
    volume: String,
    restore: &Restore,
    output: &Output,
) -> Result<(), Failure> {
    let to = &restore.to;
    if !to.is_absolute() {
        let what = format!("{} is no absolute path", to.display());
        return Err(Failure::new(what, "name it from the root of the engine's machine"));
    }
    let is_device = Place::of(to) == Place::Device;
    if is_device {
        confirm(to, restore.yes)?;
    }
    let options = RestoreOptions {
        volume: Some(volume).filter(|volume| !volume.is_empty()),
        target: Some(to.display().to_string()),
        overwrite: is_device || restore.yes,
    };
    let body = (options.arguments(),);
    let begin = engine.client().begin(place, "Restore", &body);
    match job::run(engine, restore.waiting.no_wait, output, begin)? {
        Came::Ended(job) => tell(&job, to, output),
        came => came.tell(output),
    }
}

/// Tells the end of a restore, which the engine knows by another name.
fn tell(job: &JobView, to: &Path, output: &Output) -> Result<(), Failure> {
    let value = job::outcome(job);
    let restored = Restored::of_json(&value, to.to_owned());
    let text = restored.map_or_else(|| job.report.clone(), |restored| restored.text());
    job::tell_end(job, value, text, output)
}

/// What this command has opened to be written to.
#[derive(Debug)]
struct Target {
    file: Option<File>,
    /// A part never passes for all.
    new: Option<NewFile>,
}

impl Target {
    fn open(to: &Path, bytes: u64, yes: bool) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::file(to, &error);
        match Place::of(to) {
            Place::Stdout => Ok(Self { file: None, new: None }),
            Place::Nowhere => {
                let file = OpenOptions::new().write(true).open(to).map_err(failed)?;
                Ok(Self { file: Some(file), new: None })
            }
            Place::Device => {
                confirm(to, yes)?;
                Ok(Self { file: Some(device(to, bytes)?), new: None })
            }
            Place::NewFile => {
                let (new, file) = NewFile::create(to)?;
                Ok(Self { file: Some(file), new: Some(new) })
            }
        }
    }

    /// What the engine writes to.
    fn descriptor(&self) -> Result<OwnedFd, Failure> {
        let cloned = match &self.file {
            Some(file) => file.as_fd().try_clone_to_owned(),
            None => std::io::stdout().as_fd().try_clone_to_owned(),
        };
        cloned.map_err(|error| Failure::new(error, "close some files, then try again"))
    }

    /// Makes what was written durable, and a new file what it is called. What cannot be made
    /// durable is no file.
    fn keep(self, to: &Path) -> Result<(), Failure> {
        let synced = self.file.as_ref().map_or(Ok(()), File::sync_all);
        match synced {
            Err(error) if error.kind() != ErrorKind::InvalidInput => Err(Failure::file(to, &error)),
            _ => self.new.map_or(Ok(()), NewFile::keep),
        }
    }

    /// Leaves it as it is.
    fn leave(self) {
        if let Some(new) = self.new {
            new.leave();
        }
    }
}

/// A block device with room for the volume, to be written from its first byte on.
fn device(to: &Path, bytes: u64) -> Result<File, Failure> {
    let failed = |error: std::io::Error| Failure::file(to, &error);
    let mut file = OpenOptions::new().write(true).open(to).map_err(failed)?;
    let room = file.seek(SeekFrom::End(0)).map_err(failed)?;
    file.rewind().map_err(failed)?;
    if room < bytes {
        let what = format!("{} has {room} bytes, the volume {bytes}", to.display());
        return Err(Failure::new(what, "use a bigger disk"));
    }
    Ok(file)
}
