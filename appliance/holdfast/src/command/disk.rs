//! `holdfast disk`: which disks a pool has, and what each of them lacks.
//!
//! A disk that comes in gets every write from then on, and copies of what was there before at
//! once, unless that is put off. A stop in the middle costs nothing: `disk resync` goes on.

use std::path::Path;

use disk::Access;
use futures_executor::block_on;
use operations::{Failure, OpenPool, create_file, is_same, member_json, member_text, open_disk};
use serde_json::{Value, json};
use store::{Admission, MAX_DISKS, MemberStatus, StoreError};

use self::copying::fill;
use crate::access::{close, open};
use crate::arguments::{
    Copying, DiskAdd, DiskCommand, DiskRemove, DiskReturn, DiskStatus, NewDisk, PoolDisks,
};
use crate::command::pool::confirm;
use crate::confirm;
use crate::output::Output;
use crate::remote;

mod copying;
mod replace;

pub(crate) use replace::only_missing;

pub(crate) fn run(command: DiskCommand, output: &Output) -> Result<(), Failure> {
    let pool = match &command {
        DiskCommand::Status(status) => &status.pool,
        DiskCommand::Add(add) => &add.pool,
        DiskCommand::Replace(replace) => &replace.pool,
        DiskCommand::Return(come_back) => &come_back.pool,
        DiskCommand::Remove(remove) => &remove.pool,
        DiskCommand::Resync(resync) => &resync.pool,
    };
    if let Some(engine) = remote::reach(pool)? {
        return remote::disk(&engine, &command, output);
    }
    match command {
        DiskCommand::Status(status) => self::status(&status, output),
        DiskCommand::Add(add) => self::add(&add, output),
        DiskCommand::Replace(replace) => replace::run(&replace, output),
        DiskCommand::Return(come_back) => take_back(come_back, output),
        DiskCommand::Remove(remove) => self::remove(&remove, output),
        DiskCommand::Resync(resync) => {
            let pool = open(&resync.pool, Access::ReadWrite, output)?;
            fill(&pool, resync.rate.rate, output)
        }
    }
}

fn status(status: &DiskStatus, output: &Output) -> Result<(), Failure> {
    let pool = open(&status.pool, Access::ReadOnly, output)?;
    let members = block_on(pool.store.members());
    tell(&pool.store.pool_id().to_string(), &members, output);
    Ok(())
}

/// Tells what each disk is to a pool.
pub(crate) fn tell(pool: &str, members: &[MemberStatus], output: &Output) {
    let list: Vec<Value> = members.iter().map(member_json).collect();
    let value = json!({ "pool": pool, "disks": list });
    output.result(&value, || {
        let mut lines: Vec<String> = members.iter().map(member_text).collect();
        if members.len() > MAX_DISKS {
            // A replacement that was not brought to its end.
            lines.push(
                "  one more than it needs: `holdfast disk replace` ends what it began, \
                or `disk remove` lets one go"
                    .to_owned(),
            );
        }
        format!("pool {pool}\n{}", lines.join("\n"))
    });
}

/// A disk is not put in as another while it is named as one of the pool's.
fn refuse_own(disks: &PoolDisks, path: &Path) -> Result<(), Failure> {
    match disks.disks.iter().any(|own| is_same(own, path)) {
        true => Err(StoreError::OwnDisk { disk: path.display().to_string() }.into()),
        false => Ok(()),
    }
}

/// Takes a new disk into the pool, after asking for what would be lost, or makes a file for it.
fn bring(
    pool: &OpenPool,
    disks: &PoolDisks,
    new: &NewDisk,
    how: Admission,
) -> Result<usize, Failure> {
    let path = &new.disk;
    let made = !path.exists();
    if made {
        let size = new.size.ok_or_else(|| {
            let what = format!("{} is not there and has no size", path.display());
            Failure::new(what, "add --size to make a file of that size")
        })?;
        create_file(path, size / model::BLOCK_U64 * model::BLOCK_U64)?;
    } else {
        confirm(path, new.yes)?;
    }
    let disk = open_disk(path, Access::ReadWrite, disks.io.into());
    let came = disk.and_then(|disk| Ok(block_on(pool.store.admit(disk, how, true))?));
    if came.is_err() && made {
        // The failure is the one to report.
        let _ = std::fs::remove_file(path);
    }
    came
}

fn add(add: &DiskAdd, output: &Output) -> Result<(), Failure> {
    refuse_own(&add.pool, &add.new.disk)?;
    let pool = open(&add.pool, Access::ReadWrite, output)?;
    let number = bring(&pool, &add.pool, &add.new, Admission::Add)?;
    go_on(&pool, number, &add.new.copying, output)
}

fn take_back(mut come_back: DiskReturn, output: &Output) -> Result<(), Failure> {
    let path: &Path = &come_back.disk;
    // It may be named as a disk of the pool too, which it was.
    come_back.pool.disks.retain(|own| !is_same(own, path));
    if come_back.pool.disks.is_empty() {
        let next = "name the disk that went on with --pool";
        return Err(Failure::new("no other disk of the pool was named", next));
    }
    let pool = open(&come_back.pool, Access::ReadWrite, output)?;
    let disk = open_disk(path, Access::ReadWrite, come_back.pool.io.into())?;
    let number = match block_on(pool.store.admit(disk.clone(), Admission::Return, false)) {
        Err(StoreError::SplitRun) => {
            discard(path, come_back.yes)?;
            block_on(pool.store.admit(disk, Admission::Return, true))?
        }
        came => came?,
    };
    go_on(&pool, number, &come_back.copying, output)
}

/// Asks before a half that went on alone is given up for the other.
fn discard(path: &Path, yes: bool) -> Result<(), Failure> {
    let name = path.display();
    let (refusal, warning) = (
        format!("{name} went on alone, and what only it has got would be lost"),
        format!("{name} went on alone; what only it has got will be lost"),
    );
    confirm::confirm(&refusal, &warning, yes)
}

/// Copies what the disk lacks, or leaves that for later.
fn go_on(
    pool: &OpenPool,
    number: usize,
    copying: &Copying,
    output: &Output,
) -> Result<(), Failure> {
    match copying.no_resync {
        true => put_off(pool, number, "run `holdfast disk resync` to copy that", output),
        false => fill(pool, copying.rate.rate, output),
    }
}

fn put_off(
    pool: &OpenPool,
    number: usize,
    next: &'static str,
    output: &Output,
) -> Result<(), Failure> {
    let members = block_on(pool.store.members());
    close(pool, output)?;
    let member = members.iter().find(|member| member.number == number);
    let value = member.map_or(Value::Null, member_json);
    output.result(&value, || {
        let line = member.map(member_text).unwrap_or_default();
        format!("{}\n{next}", line.trim_start())
    });
    Ok(())
}

/// Warns of a disk that left and does not know it.
fn note_untold(told: bool, output: &Output) {
    if !told {
        output.note(
            "the disk that left took no writes any more, so it does not say that it has left: \
             alone, with --degraded, it would pass for the pool; destroy it or overwrite it",
        );
    }
}

fn remove(remove: &DiskRemove, output: &Output) -> Result<(), Failure> {
    let pool = open(&remove.pool, Access::ReadWrite, output)?;
    let members = block_on(pool.store.members());
    let member = members.iter().find(|member| member.number == remove.member);
    let member = member.ok_or(StoreError::NoMember { member: remove.member })?;
    let name = confirm_leaving(member, remove.yes)?;
    let told = block_on(pool.store.remove(remove.member))?;
    note_untold(told, output);
    close(&pool, output)?;
    let left = block_on(pool.store.members());
    tell_removed(&pool.store.pool_id().to_string(), &name, &left, output);
    Ok(())
}

/// Asks before a disk leaves for good, and gives its name.
pub(crate) fn confirm_leaving(member: &MemberStatus, yes: bool) -> Result<String, Failure> {
    let name = member.name.clone().unwrap_or_else(|| format!("disk {}", member.disk_id));
    let (refusal, warning) = (
        format!("{name} would leave the pool for good"),
        format!("{name} will leave the pool for good"),
    );
    confirm::confirm(&refusal, &warning, yes)?;
    Ok(name)
}

/// Tells which disk has left, and which there are.
pub(crate) fn tell_removed(pool: &str, name: &str, left: &[MemberStatus], output: &Output) {
    let list: Vec<Value> = left.iter().map(member_json).collect();
    let value = json!({ "pool": pool, "removed": name, "disks": list });
    output.result(&value, || {
        let lines: Vec<String> = left.iter().map(member_text).collect();
        format!("{name} is none of the pool's disks any more\n{}", lines.join("\n"))
    });
}
