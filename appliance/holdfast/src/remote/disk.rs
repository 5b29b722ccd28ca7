//! `holdfast disk`, by the engine, which fills a disk that comes in as a job.

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use bus::{ClientError, DiskState, DiskView, Object, Place, ResyncOptions};
use model::DiskId;
use operations::{Failure, create_file, is_in_service, is_same};
use store::{MemberState, MemberStatus, StoreError};

use super::engine::Engine;
use super::job::run_and_tell;
use super::seen::Seen;
use crate::arguments::{Copying, DiskCommand, DiskRemove, DiskReplace, DiskReturn, NewDisk, Rate};
use crate::command::disk::{confirm_leaving, only_missing, tell, tell_removed};
use crate::command::pool::confirm;
use crate::output::Output;

pub(crate) fn run(engine: &Engine, command: &DiskCommand, output: &Output) -> Result<(), Failure> {
    match command {
        DiskCommand::Status(_) => {
            let seen = engine.seen()?;
            tell(&seen.pool.id, &members(&seen)?, output);
            Ok(())
        }
        DiskCommand::Add(add) => bring(engine, &add.new, &Place::Pool, "AddDisk", output),
        DiskCommand::Replace(replace) => self::replace(engine, replace, output),
        DiskCommand::Return(come_back) => take_back(engine, come_back, output),
        DiskCommand::Remove(remove) => self::remove(engine, remove, output),
        DiskCommand::Resync(wanted) => {
            let begin = resync(engine, &wanted.rate);
            run_and_tell(engine, wanted.waiting.no_wait, output, begin)
        }
    }
}

/// The disks of a pool as its own commands know them.
pub(super) fn members(seen: &Seen) -> Result<Vec<MemberStatus>, Failure> {
    seen.disks.iter().map(member).collect()
}

fn member(disk: &DiskView) -> Result<MemberStatus, Failure> {
    let disk_id = disk.id.parse::<DiskId>().map_err(|_| {
        let what = format!("the engine shows a disk {} that has no id", disk.number);
        Failure::new(what, "use the holdfast of the engine's own version")
    })?;
    Ok(MemberStatus {
        number: disk.number as usize,
        disk_id,
        name: Some(disk.name.clone()).filter(|name| !name.is_empty()),
        state: match disk.state {
            DiskState::Active => MemberState::Complete,
            DiskState::Syncing => MemberState::Syncing,
            DiskState::Failed => MemberState::Failed,
            DiskState::Missing | DiskState::Stale | DiskState::Left => MemberState::Missing,
        },
        lacking_segments: disk.segments_behind,
        lacking_bytes: disk.bytes_behind,
    })
}

fn replace(engine: &Engine, replace: &DiskReplace, output: &Output) -> Result<(), Failure> {
    let members = members(&engine.seen()?)?;
    let number = match replace.member {
        Some(member) => member,
        None => only_missing(&members)?,
    };
    let place = Place::Disk(find(&members, number)?.disk_id);
    bring(engine, &replace.new, &place, "Replace", output)
}

fn take_back(engine: &Engine, back: &DiskReturn, output: &Output) -> Result<(), Failure> {
    refuse_to_put_off(&back.copying)?;
    let members = members(&engine.seen()?)?;
    let is_it = |member: &&MemberStatus| {
        member.name.as_ref().is_some_and(|name| is_same(Path::new(name), &back.disk))
    };
    let place = match members.iter().find(is_it) {
        Some(member) if is_in_service(member) => {
            let disk = back.disk.display().to_string();
            return Err(StoreError::OwnDisk { disk }.into());
        }
        Some(member) => Place::Disk(member.disk_id),
        None => Place::Disk(find(&members, only_missing(&members)?)?.disk_id),
    };
    let begin = async {
        let begun = engine.client().begin(&place, "Return", &()).await?;
        at_rate(engine, begun, &back.copying.rate).await
    };
    run_and_tell(engine, back.copying.waiting.no_wait, output, begin)
}

fn remove(engine: &Engine, remove: &DiskRemove, output: &Output) -> Result<(), Failure> {
    let seen = engine.seen()?;
    let members = members(&seen)?;
    let member = find(&members, remove.member)?;
    let name = confirm_leaving(member, remove.yes)?;
    engine.call::<_, ()>(&Place::Disk(member.disk_id), "Remove", &())?;
    tell_removed(&seen.pool.id, &name, &self::members(&engine.seen()?)?, output);
    Ok(())
}

fn find(members: &[MemberStatus], number: usize) -> Result<&MemberStatus, Failure> {
    let found = members.iter().find(|member| member.number == number);
    found.ok_or_else(|| StoreError::NoMember { member: number }.into())
}

/// Has a new disk come into the pool, after asking for what would be lost, or makes a file for it.
fn bring(
    engine: &Engine,
    new: &NewDisk,
    place: &Place,
    method: &str,
    output: &Output,
) -> Result<(), Failure> {
    refuse_to_put_off(&new.copying)?;
    let path = std::path::absolute(&new.disk).map_err(|error| Failure::file(&new.disk, &error))?;
    let mut made = Made(None);
    if path.exists() {
        confirm(&path, new.yes)?;
    } else {
        let size = new.size.ok_or_else(|| {
            let what = format!("{} is not there and has no size", path.display());
            Failure::new(what, "add --size to make a file of that size")
        })?;
        create_file(&path, size / model::BLOCK_U64 * model::BLOCK_U64)?;
        made = Made(Some(path.clone()));
    }
    let device = path.display().to_string();
    let begin = async {
        // From here on the pool may have taken it, whatever is said of it.
        let path = made.0.take();
        let begun = engine.client().begin(place, method, &device).await;
        if begun.is_err() && !may_have(engine, &device).await {
            made.0 = path;
        }
        at_rate(engine, begun?, &new.copying.rate).await
    };
    run_and_tell(engine, new.copying.waiting.no_wait, output, begin)
}

/// Whether the pool has a disk of this name; also if that is not known.
async fn may_have(engine: &Engine, device: &str) -> bool {
    let Ok(objects) = engine.client().objects().await else { return true };
    objects.iter().any(|object| matches!(object, Object::Disk(disk) if disk.name == device))
}

/// A file that was made, and is removed again unless the pool has taken it.
struct Made(Option<PathBuf>);

impl Drop for Made {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // The failure that led here is the one to report.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Has the engine fill disks at a rate: as a new job, or as the one that does so already.
async fn resync(engine: &Engine, rate: &Rate) -> Result<Place, ClientError> {
    let options = ResyncOptions { bytes_per_second: rate.rate.map(NonZeroU64::get) };
    engine.client().begin(&Place::Pool, "Resync", &(options.arguments(),)).await
}

/// The job that fills a disk which has come in, at the rate that was asked for.
async fn at_rate(engine: &Engine, begun: Place, rate: &Rate) -> Result<Place, ClientError> {
    match rate.rate {
        None => Ok(begun),
        Some(_) => resync(engine, rate).await,
    }
}

/// A disk that lacks something is filled by the engine, whoever wants that put off.
fn refuse_to_put_off(copying: &Copying) -> Result<(), Failure> {
    if !copying.no_resync {
        return Ok(());
    }
    let next = "leave --no-resync out; --rate bounds how fast it is filled, also later as that of \
        `holdfast disk resync`";
    Err(Failure::new("an engine fills a disk at once, and makes way for other work", next))
}
