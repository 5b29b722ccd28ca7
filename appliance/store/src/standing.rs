//! What disks are to a pool, by their superblocks alone: for who has to know before it is opened.

use std::sync::Arc;

use disk::Disk;
use futures_util::future::join_all;
use model::{DiskId, PoolId};

use crate::commit::in_service;
use crate::probe::{Probed, authority, leaves_behind, probe};
use crate::{Result, StoreError};

/// What a disk is to a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// One of its disks, in service.
    InService,
    /// Listed, and left behind.
    LeftBehind,
    /// It was one of its disks, and is listed no more.
    Left,
    /// Not of this pool, or of none.
    Stranger,
}

/// Which pool a disk belongs to and which of its disks it is, as its newest superblock has it.
///
/// # Errors
/// `NotAPool`; `Unreadable`, also for what only a newer Holdfast can read; `Truncated`; errors of
/// the disk.
pub async fn identity(disk: &Arc<dyn Disk>) -> Result<(PoolId, DiskId)> {
    let probed = probe(disk.clone()).await?;
    let unknown = || StoreError::NotAPool { disk: disk.name().to_owned() };
    probed.newest().map(|own| (own.pool_id, own.disk_id)).ok_or_else(unknown)
}

/// What each of some disks is to the pool that the first of them belongs to.
///
/// # Errors
/// `NotAPool` when the first is none's; `SplitRun`; what only a newer Holdfast can read; errors of
/// disks.
pub async fn standings(disks: &[Arc<dyn Disk>]) -> Result<Vec<Standing>> {
    let mut probed: Vec<Option<Probed>> = Vec::new();
    for outcome in join_all(disks.iter().cloned().map(probe)).await {
        match outcome {
            Err(StoreError::NotAPool { .. }) if !probed.is_empty() => probed.push(None),
            outcome => probed.push(Some(outcome?)),
        }
    }
    let newest = |disk: &Option<Probed>| disk.as_ref().and_then(Probed::newest).copied();
    let pool = probed.first().and_then(newest).map(|own| own.pool_id);
    let of_pool = |disk: &&Option<Probed>| newest(disk).map(|own| own.pool_id) == pool;
    let known = authority(probed.iter().filter(of_pool).flatten())?;
    let standing = |disk: &Option<Probed>| {
        let Some(own) = newest(disk).filter(|own| Some(own.pool_id) == pool) else {
            return Standing::Stranger;
        };
        let row = known.member_list().get(usize::from(own.member));
        match row.filter(|row| row.state != 0 && row.disk_id == own.disk_id) {
            None => Standing::Left,
            Some(row) if in_service(row.state) && !leaves_behind(&known, &own) => {
                Standing::InService
            }
            Some(_) => Standing::LeftBehind,
        }
    };
    Ok(probed.iter().map(standing).collect())
}
