//! Disks that come into the pool and leave it.

use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bus::{Place, Refusal, RefusalKind, Reply, ResyncOptions};
use disk::Access;
use model::DiskId;
use operations::{Failure, Io, open_disk};
use store::{Admission, MemberState, MemberStatus, StoreError};

use super::commands::{begin, failed, locked, panicked};
use super::show;
use crate::engine::{Engine, lock};
use crate::jobs::{Class, Job, JobState, Retry, Work};
use crate::runner::UNTOLD;

/// Copies what disks lack, as fast as other work lets it.
const FILL: Work = Work::Resync { rate: None };

/// Copies what disks lack, as somebody wants it. What does so already goes on like that, and stays
/// the job that it is.
pub(super) fn resync(engine: &Arc<Engine>, options: &ResyncOptions) -> Result<Reply, Refusal> {
    let rate = options.bytes_per_second.and_then(NonZeroU64::new);
    match engine.set_rate(rate) {
        Some(number) => Ok(Reply::Object(Place::Job(number))),
        None => begin(engine, Work::Resync { rate }),
    }
}

/// Makes a mirror of a pool on one disk, and begins to copy.
pub(super) async fn add(engine: &Arc<Engine>, device: String) -> Result<Reply, Refusal> {
    admit(engine, device, Admission::Add).await?;
    begin(engine, FILL)
}

/// Puts a new disk in the place of one that is missing, or that serves until the new one has
/// everything; and begins to copy. One that failed since the start leaves in the same way: in its
/// own place nothing can be put while the pool is open.
pub(super) async fn replace(
    engine: &Arc<Engine>,
    disk: DiskId,
    device: String,
) -> Result<Reply, Refusal> {
    let old = member(engine, disk).await?;
    let member = old.number;
    if old.name.is_none() {
        admit(engine, device, Admission::Replace { member }).await?;
        return begin(engine, FILL);
    }
    let by = admit(engine, device, Admission::Relieve { member }).await?;
    begin(engine, Work::Relieve { member, by, rate: None })
}

/// Sees to it that a disk which lacks something is filled, also when the job for it was cancelled,
/// failed, or never came to be: nobody would begin another.
pub(super) fn fill(engine: &Engine, members: &[MemberStatus]) {
    let lacks = members.iter().any(|member| member.state == MemberState::Syncing);
    let is_live = |job: &Job| {
        let live =
            matches!(job.state, JobState::Queued | JobState::Running | JobState::Waiting { .. });
        live && job.work.class() == Class::Resync
    };
    let mut due = lock(&engine.fill_due);
    if !lacks || engine.access().is_none() || engine.jobs().iter().any(is_live) {
        *due = None;
        return;
    }
    let now = Instant::now();
    if *due.get_or_insert(now + FILL_AFTER) <= now {
        *due = Some(now + FILL_AGAIN);
        if let Err(error) = engine.submit(FILL, "", Retry::NEVER) {
            log::error!("a disk lacks something, and filling it was not begun: {error}");
        }
    }
}

/// Looks which of the disks that are missing are there again.
pub(super) async fn look_for_returned(engine: &Engine, members: &[MemberStatus]) {
    let is_missing = |member: &&MemberStatus| member.state == MemberState::Missing;
    let missing: Vec<DiskId> =
        members.iter().filter(is_missing).map(|member| member.disk_id).collect();
    engine.returned.look_when_due(&missing, engine.disks.away()).await;
}

/// How long a disk may lack something without a job that fills it: whoever takes it in begins one.
const FILL_AFTER: Duration = Duration::from_secs(5);

/// And how long after that was tried.
const FILL_AGAIN: Duration = Duration::from_secs(600);

/// Takes a disk back that was left behind, and begins to copy what differs.
pub(super) async fn take_back(engine: &Arc<Engine>, disk: DiskId) -> Result<Reply, Refusal> {
    let device = match member(engine, disk).await?.name {
        Some(name) => Some(name),
        None => engine.returned.find(disk, engine.disks.away()).await,
    };
    let Some(device) = device else {
        let problem = format!("nobody knows where disk {disk} is now");
        return Err(Refusal::new(RefusalKind::Failed, problem, "see that it is plugged in"));
    };
    admit(engine, device, Admission::Return).await?;
    begin(engine, FILL)
}

/// Takes a disk out of the mirror for good.
pub(super) async fn remove(engine: &Arc<Engine>, disk: DiskId) -> Result<Reply, Refusal> {
    let number = member(engine, disk).await?.number;
    let removed = engine.pool.store.remove(number).await;
    if !removed.map_err(|error| failed(Failure::from(error)))? {
        log::warn!("disk {disk} {UNTOLD}");
    }
    show(engine).await;
    Ok(Reply::Done)
}

async fn member(engine: &Arc<Engine>, disk: DiskId) -> Result<MemberStatus, Refusal> {
    let members = engine.pool.store.members().await;
    members.into_iter().find(|member| member.disk_id == disk).ok_or_else(|| {
        let problem = format!("the pool has no disk {disk}");
        Refusal::new(RefusalKind::NotFound, problem, "list the disks again")
    })
}

/// Takes a disk in, and returns its number. From here on it is a disk of the next start, too.
async fn admit(engine: &Arc<Engine>, device: String, how: Admission) -> Result<usize, Refusal> {
    // A disk that came in and is not copied to would be told as one that was refused.
    engine.access().ok_or_else(locked)?;
    if !Path::new(&device).is_absolute() {
        let problem = format!("{device} is no absolute path");
        let next = "name the disk as in /dev/disk/by-id/…";
        return Err(Refusal::new(RefusalKind::InvalidArguments, problem, next));
    }
    // Opening a device may take as long as it takes to spin up.
    let held = engine.returned.hold().await;
    let opened = tokio::task::spawn_blocking(move || {
        open_disk(Path::new(&device), Access::ReadWrite, Io::Auto)
    });
    let disk = opened.await.map_err(|_| panicked())?.map_err(failed)?;
    drop(held);
    let admitted = engine.pool.store.admit(disk, how, false).await;
    let number = admitted.map_err(refused)?;
    let members = engine.pool.store.members().await;
    let noted = engine.disks.note(&engine.state, &members, &engine.pool.stale);
    // Who is refused for that sees that the disk is in the pool.
    show(engine).await;
    noted.map_err(|error| {
        let next =
            "name all disks of the pool in the engine's configuration before it starts again";
        Refusal::new(RefusalKind::Failed, error.to_string(), next)
    })?;
    Ok(number)
}

fn refused(error: StoreError) -> Refusal {
    match error {
        StoreError::NotEmpty { .. } => {
            let next = "empty it with `wipefs --all` if what is on it may be lost";
            Refusal::new(RefusalKind::Failed, error.to_string(), next)
        }
        error => failed(Failure::from(error)),
    }
}
