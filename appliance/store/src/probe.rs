//! Looking at disks: which pool they belong to, which of them are current, and whether together
//! they may be opened.

use std::ops::Range;
use std::sync::Arc;

use disk::{Buffer, Disk, DiskError};
use format::FormatError;
use format::geometry::SUPERBLOCK_SLOTS;
use format::superblock::Superblock;
use futures_util::future::{join, join_all};
use model::BLOCK;

use crate::commit::in_service;
use crate::leave::has_left;
use crate::open::OpenOptions;
use crate::planted::{Bug, planted};
use crate::replay::FAR;
use crate::{Result, StoreError};

/// The superblocks of one disk.
pub(crate) struct Probed {
    pub(crate) disk: Arc<dyn Disk>,
    /// Valid copies, newest generation first.
    pub(crate) copies: Vec<Superblock>,
    /// All four copies are readable and of two successive generations.
    pub(crate) whole: bool,
}

impl Probed {
    pub(crate) fn newest(&self) -> Option<&Superblock> {
        self.copies.first()
    }
}

/// Reads the superblocks of a disk. One that only a newer Holdfast can read is an error, whatever
/// the others say.
///
/// The tail's place depends on the disk's size, which the head's copies tell; when the head is
/// gone, the size that the disk has now is tried. Nearly always that is the same, so the tail is
/// read along with the head.
pub(crate) async fn probe(disk: Arc<dyn Disk>) -> Result<Probed> {
    let mut copies: Vec<Superblock> = Vec::new();
    let mut trouble = None;
    let mut unread = None;
    let half = SUPERBLOCK_SLOTS / 2;
    let edge = |bytes, slots: Range<u8>| {
        let disk = &disk;
        join_all(slots.map(move |slot| read_copy(disk, bytes, slot)))
    };
    let size = disk.size();
    let (head, tail) = join(edge(size, 0..half), edge(size, half..SUPERBLOCK_SLOTS)).await;
    let known = head.iter().flatten().flatten().next().map(|superblock| superblock.disk_bytes);
    let tail = match known.filter(|bytes| *bytes != size) {
        Some(bytes) => edge(bytes, half..SUPERBLOCK_SLOTS).await,
        None => tail,
    };
    for read in head.into_iter().chain(tail) {
        match read {
            Ok(Ok(superblock)) => copies.push(superblock),
            Ok(Err(error)) => trouble = worse(trouble, error),
            Err(error) => unread = Some(error),
        }
    }
    copies.sort_by_key(|superblock| std::cmp::Reverse(superblock.generation));
    let name = || disk.name().to_owned();
    if let Some(source) = trouble.clone().filter(is_newer) {
        // What a newer Holdfast wrote must not be undone by going on from what was before it.
        return Err(StoreError::Unreadable { disk: name(), source });
    }
    let Some(newest) = copies.first() else {
        return Err(match (unread, trouble) {
            (Some(error), _) => error.into(),
            (None, None | Some(FormatError::Absent { .. })) => {
                StoreError::NotAPool { disk: name() }
            }
            (None, Some(source)) => StoreError::Unreadable { disk: name(), source },
        });
    };
    if newest.disk_bytes > disk.size() {
        let needed = newest.disk_bytes;
        return Err(StoreError::Truncated { disk: name(), bytes: disk.size(), needed });
    }
    let oldest = copies.last().map_or(0, |superblock| superblock.generation);
    let whole = copies.len() == usize::from(SUPERBLOCK_SLOTS)
        && newest.generation.checked_sub(1) == Some(oldest);
    Ok(Probed { disk, copies, whole })
}

async fn read_copy(
    disk: &Arc<dyn Disk>,
    bytes: u64,
    slot: u8,
) -> Result<Result<Superblock, FormatError>, DiskError> {
    let absent = Ok(Err(FormatError::Absent { structure: "superblock" }));
    // Only the disk's size matters for where superblocks lie.
    let Some(offset) = edge_offset(bytes, slot).filter(|at| at + BLOCK as u64 <= disk.size())
    else {
        return absent;
    };
    let block = disk.read(offset, Buffer::zeroed(BLOCK)).await?;
    Ok(Superblock::decode(&block, slot).and_then(|superblock| {
        let numbers = [superblock.replay_position, superblock.replay_sequence.0];
        let far = |number: u64| number >= FAR;
        let others = [superblock.epoch.0, superblock.generation];
        if numbers.into_iter().chain(others).any(far) {
            return Err(FormatError::Invalid { structure: "superblock", field: "number" });
        }
        Ok(superblock)
    }))
}

fn edge_offset(bytes: u64, slot: u8) -> Option<u64> {
    use format::geometry::{CELL_BYTES, EDGE_BYTES};
    let edge = if slot < 2 { 0 } else { bytes.checked_sub(EDGE_BYTES)? };
    Some(edge + u64::from(slot % 2) * CELL_BYTES)
}

/// The more telling of two reasons.
fn worse(old: Option<FormatError>, new: FormatError) -> Option<FormatError> {
    match (&old, &new) {
        (Some(_), FormatError::Absent { .. }) => old,
        (Some(known), _) if is_newer(known) => old,
        _ => Some(new),
    }
}

/// Whether these are intact bytes of a Holdfast that knows more than this one.
fn is_newer(error: &FormatError) -> bool {
    matches!(error, FormatError::Newer { .. } | FormatError::UnknownFeatures { .. })
}

/// The disks that may be read from, in member order, with the newest superblock among them.
pub(crate) struct Assembled {
    pub(crate) members: Vec<Option<Probed>>,
    pub(crate) newest: Superblock,
    /// Disks that were given but left behind earlier.
    pub(crate) stale: Vec<String>,
}

/// Puts the disks of one pool together.
///
/// # Errors
/// Foreign, doubled or missing disks; disks that went on without each other; a stale disk alone;
/// one that has left the pool, unless it is alone and only read.
pub(crate) fn assemble(probed: Vec<Probed>, options: OpenOptions) -> Result<Assembled> {
    let OpenOptions { read_only, allow_missing } = options;
    check_same_pool(&probed)?;
    let rescue = probed.len() == 1 && read_only && allow_missing;
    for disk in probed.iter().filter(|_| !rescue) {
        if disk.newest().is_some_and(has_left) {
            return Err(StoreError::LeftThePool { disk: disk.disk.name().to_owned() });
        }
    }
    let newest = authority(probed.iter())?;
    let mut members: Vec<Option<Probed>> = newest.member_list().iter().map(|_| None).collect();
    let mut stale = Vec::new();
    for disk in probed {
        let Some(own) = disk.newest().copied() else { continue };
        let name = disk.disk.name().to_owned();
        let number = usize::from(own.member);
        let row = newest.member_list().get(number).filter(|row| row.disk_id == own.disk_id);
        let (Some(row), Some(place)) = (row, members.get_mut(number)) else {
            return Err(StoreError::StaleDisk { disk: name });
        };
        let left = leaves_behind(&newest, &own) && !planted(Bug::StaleAccepted);
        // It had a newer superblock once: what else it lost nobody knows.
        let lags = in_service(row.state) && own.generation < row.generation;
        if left || lags && !planted(Bug::LaggingAccepted) {
            stale.push(name);
        } else {
            *place = Some(disk);
        }
    }
    let missing = newest.member_list().iter().zip(&members);
    let mut missing = missing.filter(|(row, disk)| in_service(row.state) && disk.is_none());
    if let Some(row) = missing.next().map(|(row, _)| row).filter(|_| !allow_missing) {
        return Err(match stale.into_iter().next() {
            Some(disk) => StoreError::StaleDisk { disk },
            None => StoreError::MissingDisk { missing: row.disk_id },
        });
    }
    Ok(Assembled { members, newest, stale })
}

fn check_same_pool(probed: &[Probed]) -> Result<()> {
    let mut seen: Vec<Superblock> = Vec::new();
    for disk in probed {
        let Some(own) = disk.newest() else { continue };
        let name = || disk.disk.name().to_owned();
        if let Some(first) = seen.first().filter(|first| first.pool_id != own.pool_id) {
            let (found, expected) = (own.pool_id, first.pool_id);
            return Err(StoreError::ForeignDisk { disk: name(), found, expected });
        }
        if seen.iter().any(|other| other.disk_id == own.disk_id) {
            return Err(StoreError::SameDisk { disk: name() });
        }
        seen.push(*own);
    }
    Ok(())
}

/// The superblock that decides: the newest of those that no other disk has left behind. Numbers of
/// generations alone do not tell: power failure may have given the disk that was left behind one
/// more before, with which nothing was ever acknowledged.
pub(crate) fn authority<'a>(probed: impl Iterator<Item = &'a Probed>) -> Result<Superblock> {
    let all: Vec<&Superblock> = probed.filter_map(Probed::newest).collect();
    let left = |own: &Superblock| {
        all.iter().any(|other| leaves_behind(other, own)) && !planted(Bug::StaleAccepted)
    };
    let newest = all.iter().filter(|own| !left(own)).max_by_key(|own| own.generation);
    // One that is back from before the other came in does not know that one; whether it went on
    // alone since, nobody knows.
    let forgot = |newest: &Superblock| {
        all.iter().any(|other| leaves_behind(newest, other) && lags(newest, other))
    };
    match newest {
        Some(newest) if forgot(newest) && !planted(Bug::ForgetfulSpeaks) => {
            Err(StoreError::SplitRun)
        }
        Some(newest) => Ok(**newest),
        None if all.is_empty() => Err(StoreError::NotAPool { disk: "(no disk)".to_owned() }),
        None => Err(StoreError::SplitRun),
    }
}

/// Whether the disk of this superblock has had a newer one for sure, as the other disk knows, which
/// counts it in.
fn lags(superblock: &Superblock, other: &Superblock) -> bool {
    let row = other.member_list().get(usize::from(superblock.member));
    row.is_some_and(|row| {
        row.disk_id == superblock.disk_id
            && in_service(row.state)
            && row.generation > superblock.generation
    })
}

/// Whether the disk with this superblock goes on without the other: it lists it as missing, or in
/// its place another disk or none.
pub(crate) fn leaves_behind(superblock: &Superblock, other: &Superblock) -> bool {
    let row = superblock.member_list().get(usize::from(other.member));
    let listed = row.is_some_and(|row| row.disk_id == other.disk_id && in_service(row.state));
    superblock.disk_id != other.disk_id && !listed
}
