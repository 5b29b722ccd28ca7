//! Disks that leave the pool for good.
//!
//! First the others forget the disk, twice, so that no superblock lists it that may ever be the
//! newest which can be read. Then the disk itself says in all of its superblocks that it has left:
//! put in again alone, it does not pass for the pool. When power fails in between, it is as any
//! disk that was left behind, and [`Store::dismiss`] makes good what is missing. What it holds
//! stays on it, for reading only, and is found again if it comes in as a new disk.

use std::sync::Arc;

use disk::Disk;
use format::geometry::Geometry;
use format::superblock::{MEMBER_MISSING, Superblock, slots_of};

use crate::commit::in_service;
use crate::create::EMPTY_ROW;
use crate::log::Log;
use crate::members::{Members, lock, padded};
use crate::planted::{Bug, planted};
use crate::probe::probe;
use crate::store::{Inner, Store};
use crate::{Result, StoreError};

impl Store {
    /// Takes a member out of the pool for good. Gives whether its disk says so itself: false when
    /// it is there and cannot be told.
    ///
    /// # Errors
    /// `LastCopy` while no other disk has everything.
    pub async fn remove(&self, number: usize) -> Result<bool> {
        let stays = |members: &Members| match members.complete().any(|(other, _)| other != number) {
            true => Ok(()),
            false => Err(StoreError::LastCopy),
        };
        self.leave(number, stays).await
    }

    /// Takes a member out of the pool for good when `by`, which came to take over from it, has
    /// everything; the superblocks of all disks have said so by then. Gives what
    /// [`remove`](Self::remove) gives.
    ///
    /// # Errors
    /// `Incomplete` while `by` lacks anything, `LeftBehind` when it has failed: nothing has changed
    /// then.
    pub async fn relieve(&self, number: usize, by: usize) -> Result<bool> {
        let inner = &self.inner;
        let stays = |members: &Members| {
            let heir = members.get(by).filter(|_| by != number);
            let heir = heir.ok_or(StoreError::NoMember { member: by })?;
            let disk = heir.disk.name().to_owned();
            if !heir.is_active() {
                return Err(StoreError::LeftBehind { disk });
            }
            if heir.is_syncing() && !planted(Bug::RelievedEarly) {
                let segments = lock(&inner.segments).lacking(by).count();
                return Err(StoreError::Incomplete { disk, segments });
            }
            Ok(())
        };
        self.leave(number, stays).await
    }

    async fn leave(&self, number: usize, stays: impl Fn(&Members) -> Result<()>) -> Result<bool> {
        let inner = &self.inner;
        if !inner.members.in_use(number) {
            return Err(StoreError::NoMember { member: number });
        }
        stays(&inner.members)?;
        inner.begin().await?;
        let mut log = inner.log.lock().await;
        inner.check_writable()?;
        // Who was to stay may have failed meanwhile.
        stays(&inner.members)?;
        let leaving = inner.members.get(number).map(|member| member.disk.clone());
        inner.all_or_stop(inner.take_out(&mut log, number)).await?;
        drop(log);
        // One that does not take it has failed; the others' superblocks leave it behind.
        Ok(match leaving {
            Some(disk) if !planted(Bug::LeftUnmarked) => self.dismiss(&disk).await.is_ok(),
            _ => true,
        })
    }

    /// Lets a disk that the pool lists no more say so itself, if it does not yet.
    ///
    /// # Errors
    /// `OwnDisk` when the pool lists it, `ForeignDisk` when it never did; errors of the disk.
    pub async fn dismiss(&self, disk: &Arc<dyn Disk>) -> Result<()> {
        let inner = &self.inner;
        let name = || disk.name().to_owned();
        let probed = probe(disk.clone()).await?;
        let own = *probed.newest().ok_or_else(|| StoreError::NotAPool { disk: name() })?;
        if own.pool_id != inner.pool_id {
            let (found, expected) = (own.pool_id, inner.pool_id);
            return Err(StoreError::ForeignDisk { disk: name(), found, expected });
        }
        let rows = inner.log.lock().await.members;
        if rows.iter().any(|row| row.state != 0 && row.disk_id == own.disk_id) {
            return Err(StoreError::OwnDisk { disk: name() });
        }
        if has_left(&own) { Ok(()) } else { mark_as_left(disk, own).await }
    }
}

impl Inner {
    async fn take_out(&self, log: &mut Log, number: usize) -> Result<()> {
        if let Some(member) = self.members.get(number) {
            member.fail();
        }
        if let Some(row) = log.members.get_mut(number) {
            *row = EMPTY_ROW;
        }
        let last = log.members.iter().rposition(|row| row.state != 0);
        self.number_rows(log, last.map_or(1, |last| last + 1));
        for _ in 0..2 {
            let anchor = log.anchor.clone();
            self.write_superblock(log, anchor, false).await?;
        }
        self.note_failed_members(log).await
    }
}

/// Whether the disk of this superblock has left its pool: its own row is none in service.
pub(crate) fn has_left(own: &Superblock) -> bool {
    let row = own.member_list().get(usize::from(own.member));
    row.is_none_or(|row| row.disk_id != own.disk_id || !in_service(row.state))
}

/// Writes down on a disk that it has left: in both pairs of its superblocks, one after the other.
/// Their generations are below the newest of the others.
async fn mark_as_left(disk: &Arc<dyn Disk>, own: Superblock) -> Result<()> {
    let lost = StoreError::DamagedStructure { structure: "superblock" };
    let geometry = Geometry::new(own.disk_bytes, own.log_bytes, own.segment_bytes).ok_or(lost)?;
    let mut left = own;
    left.closed = 0;
    if let Some(row) = left.members.get_mut(usize::from(own.member)) {
        (row.state, row.generation) = (MEMBER_MISSING, own.generation + 1);
    }
    for generation in [own.generation + 1, own.generation] {
        left.generation = generation;
        for slot in slots_of(generation) {
            disk.write(geometry.superblock_offset(slot), padded(&left.encode(slot))).await?;
        }
        disk.flush().await?;
    }
    Ok(())
}
