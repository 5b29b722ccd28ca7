//! Disks that come into the pool and leave it.

use std::path::Path;
use std::sync::Arc;

use bus::{Place, Refusal, RefusalKind, Reply};
use disk::Access;
use model::DiskId;
use operations::{Failure, Io, open_disk};
use store::{Admission, MemberState};

use super::commands::{begin, failed, panicked};
use crate::engine::Engine;
use crate::jobs::Work;

/// Makes a mirror of a pool on one disk, and begins to copy.
pub(super) async fn add(engine: &Arc<Engine>, device: String) -> Result<Reply, Refusal> {
    admit(engine, device, Admission::Add).await
}

/// Puts a new disk in the place of one that is missing, and begins to copy.
pub(super) async fn replace(
    engine: &Arc<Engine>,
    disk: DiskId,
    device: String,
) -> Result<Reply, Refusal> {
    let (member, _) = member(engine, disk).await?;
    admit(engine, device, Admission::Replace { member }).await
}

/// Takes a disk back that was left behind, and begins to copy what differs.
pub(super) async fn take_back(engine: &Arc<Engine>, disk: DiskId) -> Result<Reply, Refusal> {
    let (_, name) = member(engine, disk).await?;
    let device = name.or_else(|| engine.pool.stale.first().cloned());
    let Some(device) = device else {
        let problem = format!("nobody knows where disk {disk} is now");
        return Err(Refusal::new(RefusalKind::Failed, problem, "see that it is plugged in"));
    };
    admit(engine, device, Admission::Return).await
}

/// Takes a disk out of the mirror for good.
pub(super) async fn remove(engine: &Arc<Engine>, disk: DiskId) -> Result<Reply, Refusal> {
    let (number, _) = member(engine, disk).await?;
    let removed = engine.pool.store.remove(number).await;
    if !removed.map_err(|error| failed(Failure::from(error)))? {
        log::warn!(
            "disk {disk} took no writes any more, so it does not say that it has left: alone it \
             would pass for the pool; destroy it or overwrite it"
        );
    }
    engine.tree.remove(&Place::Disk(disk));
    engine.refresh.notify_one();
    Ok(Reply::Done)
}

async fn member(engine: &Arc<Engine>, disk: DiskId) -> Result<(usize, Option<String>), Refusal> {
    let members = engine.pool.store.members().await;
    let found = members.into_iter().find(|member| member.disk_id == disk);
    let found =
        found.filter(|member| member.state != MemberState::Missing || member.name.is_none());
    found.map(|member| (member.number, member.name)).ok_or_else(|| {
        let problem = format!("the pool has no disk {disk}");
        Refusal::new(RefusalKind::NotFound, problem, "list the disks again")
    })
}

async fn admit(engine: &Arc<Engine>, device: String, how: Admission) -> Result<Reply, Refusal> {
    // Opening a device may take as long as it takes to spin up.
    let opened = tokio::task::spawn_blocking(move || {
        open_disk(Path::new(&device), Access::ReadWrite, Io::Auto)
    });
    let disk = opened.await.map_err(|_| panicked())?.map_err(failed)?;
    let admitted = engine.pool.store.admit(disk, how, false).await;
    admitted.map_err(|error| failed(Failure::from(error)))?;
    engine.refresh.notify_one();
    begin(engine, Work::Resync)
}
