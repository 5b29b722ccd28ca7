//! `holdfast disk replace`: a new disk in the place of one that is missing, or of one that still
//! works and stays in service until the new one has everything.
//!
//! How far it is stands on the disks: the same command goes on after a stop, wherever that was.
//! What is not written down is that the old disk is to go; until somebody says so again, the pool
//! has a copy more.

use std::path::Path;
use std::sync::Arc;

use disk::{Access, Disk};
use futures_executor::block_on;
use operations::{Failure, OpenPool, ResyncNext, is_in_service, open_disk, open_disks};
use store::{Admission, MemberState, MemberStatus, Standing, StoreError, standings};

use super::copying::copy;
use super::{bring, note_untold, put_off, refuse_own};
use crate::access::{close, open_on};
use crate::arguments::{DiskReplace, PoolDisks};
use crate::confirm::confirm;
use crate::output::Output;
use crate::remote;

const NEXT: ResyncNext = ResyncNext {
    rest: "run the same command again; until then no disk leaves, and what was copied is kept",
    lost: "run `holdfast verify` to see which recovery points are affected; the same command again \
        lets the old disk go",
};

/// The disks, before the pool is opened.
struct Seen {
    /// Those that it is to be opened on.
    disks: Vec<Arc<dyn Disk>>,
    /// Those that were named and have left it already.
    gone: Vec<Arc<dyn Disk>>,
    /// Whether the new disk is one of its disks by now: the command goes on with what it began.
    begun: bool,
}

/// Who comes, and who is to go when that one has everything.
struct Plan {
    number: usize,
    leaves: Option<usize>,
}

pub(super) fn run(replace: &DiskReplace, output: &Output) -> Result<(), Failure> {
    let (on, new) = (&replace.pool, &replace.new);
    refuse_own(on, &new.disk)?;
    let seen = look(on, &new.disk)?;
    let pool = open_on(seen.disks, on, output)?;
    for disk in &seen.gone {
        block_on(pool.store.dismiss(disk))?;
    }
    let plan = match seen.begun {
        true => go_on(&pool, replace, !seen.gone.is_empty())?,
        false => begin(&pool, replace)?,
    };
    if new.copying.no_resync {
        let next = match plan.leaves {
            Some(_) => "run the same command without --no-resync to copy that",
            None => "run `holdfast disk resync` to copy that",
        };
        return put_off(&pool, plan.number, next, output);
    }
    let copied = copy(&pool, new.copying.rate.rate, output)?;
    let leaving = plan.leaves.filter(|_| copied.is_whole());
    let name = leaving.map(|old| name_of(&block_on(pool.store.members()), old));
    if let Some(old) = leaving {
        let told = block_on(pool.store.relieve(old, plan.number))?;
        note_untold(told, output);
    }
    close(&pool, output)?;
    let copied = copied.after_leaving(&pool, name);
    output.outcome(copied.failure(NEXT), &copied.json(), || copied.text())
}

/// Whether the new disk is in the pool already, and who has left it.
fn look(on: &PoolDisks, path: &Path) -> Result<Seen, Failure> {
    let disks = open_disks(&on.disks, Access::ReadWrite, on.io.into());
    let disks = disks.map_err(|failure| remote::by_engine(failure, &on.disks))?;
    if !path.exists() {
        return Ok(Seen { disks, gone: Vec::new(), begun: false });
    }
    let new = open_disk(path, Access::ReadWrite, on.io.into())?;
    let all: Vec<_> = disks.iter().cloned().chain([new]).collect();
    let standing = block_on(standings(&all))?;
    if standing.last() != Some(&Standing::InService) {
        return Ok(Seen { disks, gone: Vec::new(), begun: false });
    }
    let (gone, disks): (Vec<_>, Vec<_>) =
        all.into_iter().zip(standing).partition(|(_, standing)| *standing == Standing::Left);
    let only = |list: Vec<(Arc<dyn Disk>, Standing)>| list.into_iter().map(|(disk, _)| disk);
    Ok(Seen { disks: only(disks).collect(), gone: only(gone).collect(), begun: true })
}

fn begin(pool: &OpenPool, replace: &DiskReplace) -> Result<Plan, Failure> {
    let members = block_on(pool.store.members());
    let member = match replace.member {
        Some(member) => member,
        None => only_missing(&members)?,
    };
    let serves = members.iter().any(|known| known.number == member && is_in_service(known));
    let how = match serves {
        true => Admission::Relieve { member },
        false => Admission::Replace { member },
    };
    if serves {
        ask_if_alone(&members, member, None, replace)?;
    }
    let number = bring(pool, &replace.pool, &replace.new, how)?;
    Ok(Plan { number, leaves: serves.then_some(member) })
}

fn go_on(pool: &OpenPool, replace: &DiskReplace, gone: bool) -> Result<Plan, Failure> {
    let members = block_on(pool.store.members());
    let path = replace.new.disk.display().to_string();
    let new = members.iter().find(|member| member.name.as_deref() == Some(path.as_str()));
    let new = new.ok_or(StoreError::OwnDisk { disk: path })?;
    let old = replace.member.filter(|old| *old != new.number);
    let listed = |old: &usize| members.iter().any(|member| member.number == *old);
    if let Some(member) = old.filter(|old| !gone && !listed(old)) {
        return Err(StoreError::NoMember { member }.into());
    }
    let leaves = old.filter(listed);
    if let Some(old) = leaves {
        ask_if_alone(&members, old, Some(new), replace)?;
    }
    Ok(Plan { number: new.number, leaves })
}

/// Asks before the new disk is left as the only one in a pool that wants a mirror: another member
/// is missing, or the new disk had everything before. Nothing tells the end of a replacement from
/// a mirror that is to lose a disk.
fn ask_if_alone(
    members: &[MemberStatus],
    old: usize,
    new: Option<&MemberStatus>,
    replace: &DiskReplace,
) -> Result<(), Failure> {
    let is_new = |member: &MemberStatus| new.is_some_and(|new| new.number == member.number);
    let mut others = members.iter().filter(|member| member.number != old && !is_new(member));
    let mirrored = others.clone().next().is_some()
        || new.is_some_and(|new| new.state == MemberState::Complete);
    if !mirrored || others.any(is_in_service) {
        return Ok(());
    }
    let name = replace.new.disk.display();
    let (refusal, warning) = (
        format!("{name} would be the pool's only disk"),
        format!("{name} will be the pool's only disk"),
    );
    confirm(&refusal, &warning, replace.new.yes)
}

fn name_of(members: &[MemberStatus], number: usize) -> String {
    let member = members.iter().find(|member| member.number == number);
    let name = member.and_then(|member| member.name.clone());
    name.unwrap_or_else(|| format!("member {number}"))
}

pub(crate) fn only_missing(members: &[MemberStatus]) -> Result<usize, Failure> {
    let mut missing = members.iter().filter(|member| member.state == MemberState::Missing);
    match (missing.next(), missing.next()) {
        (Some(member), None) => Ok(member.number),
        (Some(_), Some(_)) => {
            Err(Failure::new("several disks are missing", "say which one with --member"))
        }
        (None, _) => Err(Failure::new(
            "no disk of the pool is missing",
            "say with --member which one to replace; `holdfast disk add` adds one",
        )),
    }
}
