//! `holdfast disk`: which disks a pool has, and what each of them lacks.
//!
//! A disk that comes in gets every write from then on, and copies of what was there before at
//! once, unless that is put off. A stop in the middle costs nothing: `disk resync` goes on.

use std::path::Path;
use std::sync::Arc;

use disk::{Access, Disk};
use futures_executor::block_on;
use model::Bytes;
use record::Progress;
use serde_json::{Value, json};
use store::{Admission, MemberState, MemberStatus, Resynced, Store, StoreError};

use crate::access::{OpenPool, create_file, is_same, open_disk};
use crate::arguments::{
    Copying, DiskCommand, DiskRemove, DiskReplace, DiskReturn, DiskStatus, NewDisk, PoolDisks,
};
use crate::command::pool::confirm;
use crate::confirm;
use crate::failure::Failure;
use crate::interrupt;
use crate::output::Output;
use crate::progress::shown;

pub(crate) fn run(command: DiskCommand, output: &Output) -> Result<(), Failure> {
    match command {
        DiskCommand::Status(status) => self::status(&status, output),
        DiskCommand::Add(add) => {
            let pool = OpenPool::open(&add.pool, Access::ReadWrite, output)?;
            come(&pool, &add.pool, &add.new, Admission::Add, output)
        }
        DiskCommand::Replace(replace) => self::replace(&replace, output),
        DiskCommand::Return(come_back) => take_back(come_back, output),
        DiskCommand::Remove(remove) => self::remove(&remove, output),
        DiskCommand::Resync(resync) => {
            let pool = OpenPool::open(&resync.pool, Access::ReadWrite, output)?;
            fill(pool.store, output)
        }
    }
}

/// One member, for programs.
pub(crate) fn to_json(member: &MemberStatus) -> Value {
    json!({
        "number": member.number,
        "id": member.disk_id.to_string(),
        "name": member.name,
        "state": state_word(member.state),
        "active": matches!(member.state, MemberState::Complete | MemberState::Syncing),
        "lacking_segments": member.lacking_segments,
        "lacking_bytes": member.lacking_bytes,
    })
}

/// One member, for people.
pub(crate) fn to_line(member: &MemberStatus) -> String {
    let name = member.name.as_deref().unwrap_or("(missing)");
    let state = match member.state {
        MemberState::Complete => "in service".to_owned(),
        MemberState::Syncing => {
            let bytes = Bytes(member.lacking_bytes);
            format!("in service, lacks {bytes} in {} segments", member.lacking_segments)
        }
        MemberState::Failed => "failed".to_owned(),
        MemberState::Missing => format!("was disk {}", member.disk_id),
    };
    format!("  {} {name}: {state}", member.number)
}

fn state_word(state: MemberState) -> &'static str {
    match state {
        MemberState::Complete => "complete",
        MemberState::Syncing => "syncing",
        MemberState::Failed => "failed",
        MemberState::Missing => "missing",
    }
}

fn status(status: &DiskStatus, output: &Output) -> Result<(), Failure> {
    let pool = OpenPool::open(&status.pool, Access::ReadOnly, output)?;
    let members = block_on(pool.store.members());
    let list: Vec<Value> = members.iter().map(to_json).collect();
    let value = json!({ "pool": pool.store.pool_id().to_string(), "disks": list });
    output.result(&value, || {
        let lines: Vec<String> = members.iter().map(to_line).collect();
        format!("pool {}\n{}", pool.store.pool_id(), lines.join("\n"))
    });
    Ok(())
}

fn replace(replace: &DiskReplace, output: &Output) -> Result<(), Failure> {
    let pool = OpenPool::open(&replace.pool, Access::ReadWrite, output)?;
    let member = match replace.member {
        Some(member) => member,
        None => only_missing(&block_on(pool.store.members()))?,
    };
    come(&pool, &replace.pool, &replace.new, Admission::Replace { member }, output)
}

fn only_missing(members: &[MemberStatus]) -> Result<usize, Failure> {
    let mut missing = members.iter().filter(|member| member.state == MemberState::Missing);
    match (missing.next(), missing.next()) {
        (Some(member), None) => Ok(member.number),
        (Some(_), Some(_)) => {
            Err(Failure::new("several disks are missing", "say which one with --member"))
        }
        (None, _) => Err(Failure::new(
            "no disk of the pool is missing",
            "leave out the one to replace, with --degraded; `holdfast disk add` adds one",
        )),
    }
}

fn come(
    pool: &OpenPool,
    disks: &PoolDisks,
    new: &NewDisk,
    how: Admission,
    output: &Output,
) -> Result<(), Failure> {
    let path = &new.disk;
    if disks.disks.iter().any(|own| is_same(own, path)) {
        return Err(StoreError::OwnDisk { disk: path.display().to_string() }.into());
    }
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
    let disk = open_disk(path, Access::ReadWrite, disks.io);
    let came = disk.and_then(|disk| admit(pool, disk, how));
    if came.is_err() && made {
        // The failure is the one to report.
        let _ = std::fs::remove_file(path);
    }
    let number = came?;
    go_on(pool, number, &new.copying, output)
}

fn admit(pool: &OpenPool, disk: Arc<dyn Disk>, how: Admission) -> Result<usize, Failure> {
    Ok(block_on(pool.store.admit(disk, how, true))?)
}

fn take_back(mut come_back: DiskReturn, output: &Output) -> Result<(), Failure> {
    let path: &Path = &come_back.disk;
    // It may be named as a disk of the pool too, which it was.
    come_back.pool.disks.retain(|own| !is_same(own, path));
    if come_back.pool.disks.is_empty() {
        let next = "name the disk that went on with --pool";
        return Err(Failure::new("no other disk of the pool was named", next));
    }
    let pool = OpenPool::open(&come_back.pool, Access::ReadWrite, output)?;
    let disk = open_disk(path, Access::ReadWrite, come_back.pool.io)?;
    let number = admit(&pool, disk, Admission::Return)?;
    go_on(&pool, number, &come_back.copying, output)
}

/// Copies what the disk lacks, or leaves that for later.
fn go_on(
    pool: &OpenPool,
    number: usize,
    copying: &Copying,
    output: &Output,
) -> Result<(), Failure> {
    if !copying.no_resync {
        return fill(pool.store.clone(), output);
    }
    let members = block_on(pool.store.members());
    block_on(pool.store.clone().close())?;
    let member = members.iter().find(|member| member.number == number);
    let value = member.map_or(Value::Null, to_json);
    output.result(&value, || {
        let line = member.map(to_line).unwrap_or_default();
        format!("{}\nrun `holdfast disk resync` to copy that", line.trim_start())
    });
    Ok(())
}

fn fill(store: Store, output: &Output) -> Result<(), Failure> {
    let (_runtime, progress) = interrupt::stoppable()?;
    let outcome = shown(output, "resync", &progress, || block_on(resync(&store, &progress)))?;
    block_on(store.clone().close())?;
    let value = resynced_json(&store, &outcome);
    let text = || {
        format!(
            "{} of copies made good: {} segments copied, {} right already",
            Bytes(outcome.bytes_done),
            outcome.copied,
            outcome.kept
        )
    };
    let Some(failure) = trouble(&outcome, progress.stopped()) else {
        output.result(&value, text);
        return Ok(());
    };
    output.before_failure(text);
    Err(failure.with(value))
}

async fn resync(store: &Store, progress: &Progress) -> Result<Resynced, StoreError> {
    let (mut total, mut done) = (0, 0);
    let go_on = |now: &Resynced| {
        progress.begin(now.bytes_total - total);
        progress.advance(now.bytes_done - done, now.bytes_done - done);
        (total, done) = (now.bytes_total, now.bytes_done);
        !progress.stopped()
    };
    store.resync(go_on).await
}

fn trouble(outcome: &Resynced, stopped: bool) -> Option<Failure> {
    if !outcome.complete {
        let what = if stopped { "interrupted" } else { "not everything is copied yet" };
        return Some(Failure::new(what, "run `holdfast disk resync`; what was copied is kept"));
    }
    let lost = outcome.lost.len();
    (lost > 0 || outcome.unreadable > 0).then(|| {
        let what = format!(
            "{lost} records and {} lists of records are intact on no disk; all else was copied",
            outcome.unreadable
        );
        Failure::new(what, "run `holdfast verify` to see which recovery points are affected")
    })
}

fn resynced_json(store: &Store, outcome: &Resynced) -> Value {
    let lost: Vec<String> = outcome.lost.iter().map(ToString::to_string).collect();
    json!({
        "pool": store.pool_id().to_string(),
        "disks": block_on(store.members()).iter().map(to_json).collect::<Vec<_>>(),
        "bytes_total": outcome.bytes_total,
        "bytes_done": outcome.bytes_done,
        "copied": outcome.copied,
        "kept": outcome.kept,
        "lost": lost,
        "unreadable": outcome.unreadable,
        "complete": outcome.complete,
    })
}

fn remove(remove: &DiskRemove, output: &Output) -> Result<(), Failure> {
    let pool = OpenPool::open(&remove.pool, Access::ReadWrite, output)?;
    let members = block_on(pool.store.members());
    let member = members.iter().find(|member| member.number == remove.member);
    let member = member.ok_or(StoreError::NoMember { member: remove.member })?;
    let name = member.name.clone().unwrap_or_else(|| format!("disk {}", member.disk_id));
    let (refusal, warning) = (
        format!("{name} would leave the pool for good"),
        format!("{name} will leave the pool for good"),
    );
    confirm::confirm(&refusal, &warning, remove.yes)?;
    block_on(pool.store.remove(remove.member))?;
    block_on(pool.store.clone().close())?;
    let left = block_on(pool.store.members());
    let list: Vec<Value> = left.iter().map(to_json).collect();
    let pool_id = pool.store.pool_id().to_string();
    let value = json!({ "pool": pool_id, "removed": name, "disks": list });
    output.result(&value, || {
        let lines: Vec<String> = left.iter().map(to_line).collect();
        format!("{name} is none of the pool's disks any more\n{}", lines.join("\n"))
    });
    Ok(())
}
