//! Disks that come into the pool; [`crate::leave`] has how they leave it.
//!
//! A disk comes in as one that lacks everything, whatever it holds: what is right on it is found
//! again by [`crate::resync`]. The order sees to it that power failure at any moment leaves a pool
//! that opens from the disks that had it before, and that no disk passes for more than it is:
//!
//! 1. The new disk loses what could be taken for a part of this pool's present: superblocks, unless
//!    they are its own old ones, and both log rings. Flush. Nobody waits for that meanwhile,
//!    however slow the disk is.
//! 2. It gets the wrapped keys. Flush. The others name it as missing, with a checkpoint in which no
//!    segment has a copy on it.
//! 3. A checkpoint goes to all, the new one among them. Flush.
//! 4. The new disk gets the superblock that names it as syncing. Flush. Until the others have that
//!    superblock they list it as missing, and it counts as stale.
//! 5. The others get that superblock, and all of them one more.

use std::sync::Arc;

use disk::{Buffer, Disk};
use format::geometry::{EDGE_BYTES, Geometry, KEY_SLOTS, LOG_COPIES, SUPERBLOCK_SLOTS};
use format::log::NO_SLOT;
use format::superblock::{
    MEMBER_MISSING, MEMBER_SYNCING, Member as MemberRow, Superblock, slots_of,
};
use model::{BLOCK_U64, DiskId};

use crate::commit::in_service;
use crate::create::{EMPTY_ROW, MAX_DISKS};
use crate::log::{Anchor, Log};
use crate::members::{Member, lock, padded};
use crate::planted::{Bug, planted};
use crate::probe::{leaves_behind, probe};
use crate::store::{Inner, Store};
use crate::{Result, StoreError};

/// Bytes at either end of a disk that tell whether anything is on it, and of one write of zeroes.
const PIECE_BYTES: u64 = 1 << 20;

/// How a disk comes into the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// As one more member.
    Add,
    /// In the place of this member, which is missing.
    Replace { member: usize },
    /// To take over from this member, which stays in service until the new one has everything:
    /// see [`Store::relieve`]. Meanwhile the pool has a disk more, which gets every write too.
    Relieve { member: usize },
    /// In its old place: it was left behind. What is still right on it need not be copied.
    Return,
}

/// What a member is to the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberState {
    /// In service, with a copy of everything.
    Complete,
    /// In service, and some segments are not on it yet.
    Syncing,
    /// It failed since the pool was opened.
    Failed,
    /// Not there, or left behind.
    Missing,
}

/// One member of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberStatus {
    pub number: usize,
    pub disk_id: DiskId,
    /// Path; `None` when the disk is not there.
    pub name: Option<String>,
    pub state: MemberState,
    /// Segments that it has no copy of, and their bytes.
    pub lacking_segments: u64,
    pub lacking_bytes: u64,
}

/// What is on a disk that is to come in.
enum Found {
    Nothing,
    /// Something that is not this pool's, or was once.
    Data,
    /// The superblock of a disk that the pool lists.
    Listed(Box<Superblock>),
}

impl Store {
    /// The members of the pool, in order.
    pub async fn members(&self) -> Vec<MemberStatus> {
        let inner = &self.inner;
        let rows = inner.log.lock().await.members;
        let numbers = (0..inner.members.count()).filter(|number| inner.members.in_use(*number));
        let status = |number: usize| {
            let segments = lock(&inner.segments);
            let lacking = segments.lacking(number).map(|segment| segment.stored_bytes());
            let (lacking_segments, lacking_bytes) =
                lacking.fold((0, 0), |(count, sum), bytes| (count + 1, sum + bytes));
            let member = inner.members.get(number);
            let state = match member {
                None => MemberState::Missing,
                Some(member) if !member.is_active() => MemberState::Failed,
                Some(member) if member.is_syncing() => MemberState::Syncing,
                Some(_) => MemberState::Complete,
            };
            let disk_id = rows.get(number).map(|row| row.disk_id).unwrap_or_default();
            let name = member.map(|member| member.disk.name().to_owned());
            MemberStatus { number, disk_id, name, state, lacking_segments, lacking_bytes }
        };
        numbers.map(status).collect()
    }

    /// Takes a disk into the pool while it is open; gives its number. From then on it gets every
    /// write; [`resync`](Self::resync) copies what was there before. What is on the disk is lost
    /// only if `overwrite` says that it may be, and so is what a disk that returns has got without
    /// the others; a disk that the pool lists is never overwritten as another.
    ///
    /// # Errors
    /// `NotEmpty`, `OwnDisk`, `NotLeftBehind`, `NoMember`, `InService`, `EnoughDisks`, `TooSmall`,
    /// `SplitRun`, and errors of the new disk: the pool goes on as before. `LeftBehind` when the
    /// disk failed later: the pool goes on without it.
    pub async fn admit(
        &self,
        disk: Arc<dyn Disk>,
        how: Admission,
        overwrite: bool,
    ) -> Result<usize> {
        let inner = &self.inner;
        // One after the other: the disks in service may become fewer meanwhile, and not more.
        let _alone = inner.admitting.lock().await;
        inner.begin().await?;
        let rows = inner.log.lock().await.members;
        let found = inner.look_at(&disk, &rows).await?;
        inner.place_for(&rows, &disk, &found, how, overwrite)?;
        let geometry = inner.geometry_on(&disk, &found)?;
        // What says that it went on without the others must not outlive that.
        let own = matches!(&found, Found::Listed(own) if !inner.went_on_alone(own));
        prepare(&disk, &geometry, own).await?;
        let mut log = inner.log.lock().await;
        inner.check_writable()?;
        // A disk may have left meanwhile, and the pool may have grown.
        let (number, disk_id) = inner.place_for(&log.members, &disk, &found, how, overwrite)?;
        let geometry = inner.geometry_on(&disk, &found)?;
        self.give_keys(&disk, &geometry).await?;
        inner.list_as_missing(&mut log, number, disk_id).await?;
        let member = Member::new(disk, disk_id, 0, geometry).incomplete();
        let member = if how == Admission::Return { member.returning() } else { member };
        let member = inner.members.put(number, member);
        let member = member.ok_or(StoreError::InService { member: number })?;
        inner.take_in(&mut log, number, member).await?;
        Ok(number)
    }

    /// The keys of step 2: under the log's lock, as no others may take their place meanwhile.
    async fn give_keys(&self, disk: &Arc<dyn Disk>, geometry: &Geometry) -> Result<()> {
        let keys = self.keys().await?;
        for slot in 0..KEY_SLOTS {
            disk.write(geometry.key_offset(slot), padded(&keys)).await?;
        }
        Ok(disk.flush().await?)
    }
}

/// Step 1.
async fn prepare(disk: &Arc<dyn Disk>, geometry: &Geometry, own: bool) -> Result<()> {
    if !own {
        for slot in 0..SUPERBLOCK_SLOTS {
            disk.write(geometry.superblock_offset(slot), padded(&[])).await?;
        }
    }
    let zeroes = Buffer::zeroed(PIECE_BYTES.min(geometry.log_bytes()) as usize).freeze();
    for copy in 0..LOG_COPIES {
        let (start, mut at) = (geometry.log_offset(copy), 0);
        while at < geometry.log_bytes() {
            let length = (geometry.log_bytes() - at).min(zeroes.len() as u64);
            disk.write(start + at, zeroes.slice(0..length as usize)).await?;
            at += length;
        }
    }
    Ok(disk.flush().await?)
}

impl Inner {
    async fn look_at(&self, disk: &Arc<dyn Disk>, rows: &[MemberRow]) -> Result<Found> {
        let own = match probe(disk.clone()).await {
            Ok(probed) => probed.newest().copied(),
            Err(error @ StoreError::Disk(_)) => return Err(error),
            Err(StoreError::NotAPool { .. }) => {
                let edge = PIECE_BYTES.min(disk.size() / BLOCK_U64 * BLOCK_U64).max(BLOCK_U64);
                let tail = (disk.size().saturating_sub(edge)) / BLOCK_U64 * BLOCK_U64;
                for start in [0, tail] {
                    let read = disk.read(start, Buffer::zeroed(edge as usize)).await?;
                    if read.iter().any(|byte| *byte != 0) {
                        return Ok(Found::Data);
                    }
                }
                return Ok(Found::Nothing);
            }
            Err(_) => None,
        };
        let listed = own.filter(|own| {
            let mut rows = rows.iter().filter(|row| row.state != 0);
            own.pool_id == self.pool_id && rows.any(|row| row.disk_id == own.disk_id)
        });
        Ok(listed.map_or(Found::Data, |own| Found::Listed(Box::new(own))))
    }

    /// The row that the disk is to have, and the id in it.
    fn place_for(
        &self,
        rows: &[MemberRow],
        disk: &Arc<dyn Disk>,
        found: &Found,
        how: Admission,
        overwrite: bool,
    ) -> Result<(usize, DiskId)> {
        let name = || disk.name().to_owned();
        match (how, found) {
            (Admission::Return, Found::Listed(own)) => {
                let number = usize::from(own.member);
                let row = rows.get(number).filter(|row| row.disk_id == own.disk_id);
                let row = row.ok_or_else(|| StoreError::NotLeftBehind { disk: name() })?;
                if in_service(row.state) || !self.members.is_empty(number) {
                    return Err(StoreError::InService { member: number });
                }
                if self.went_on_alone(own) && !overwrite {
                    return Err(StoreError::SplitRun);
                }
                return Ok((number, own.disk_id));
            }
            (Admission::Return, _) => return Err(StoreError::NotLeftBehind { disk: name() }),
            (_, Found::Listed(_)) => return Err(StoreError::OwnDisk { disk: name() }),
            (_, Found::Data) if !overwrite => return Err(StoreError::NotEmpty { disk: name() }),
            _ => {}
        }
        let known = |member| match self.members.in_use(member) {
            true => Ok(member),
            false => Err(StoreError::NoMember { member }),
        };
        let number = match how {
            Admission::Replace { member } => known(member)?,
            Admission::Relieve { member } => {
                known(member).and_then(|_| self.free_row(rows, MAX_DISKS + 1))?
            }
            Admission::Add | Admission::Return => self.free_row(rows, MAX_DISKS)?,
        };
        let serves = rows.get(number).is_some_and(|row| in_service(row.state));
        if serves && self.members.get(number).is_some() || !self.members.is_empty(number) {
            return Err(StoreError::InService { member: number });
        }
        let mut disk_id = DiskId::default();
        self.entropy.fill(&mut disk_id.0);
        Ok((number, disk_id))
    }

    /// Whether a disk that was left behind left one of those in service behind, too.
    fn went_on_alone(&self, own: &Superblock) -> bool {
        let mut others = self.members.active().map(|(number, member)| {
            let mut other = Superblock::new(self.pool_id, member.disk_id, &member.geometry);
            other.member = number as u8;
            other
        });
        others.any(|other| leaves_behind(own, &other))
    }

    /// The row of a member that is to be added to a pool of less than `most`.
    fn free_row(&self, rows: &[MemberRow], most: usize) -> Result<usize> {
        let disks = rows.iter().filter(|row| row.state != 0).count();
        if disks >= most {
            return Err(StoreError::EnoughDisks { disks });
        }
        // Where another disk was since the pool was opened no new one can be put.
        let mut free = rows.iter().enumerate().filter(|(_, row)| row.state == 0);
        let row = free.find(|(row, _)| self.members.is_empty(*row)).map(|(row, _)| row);
        row.ok_or(StoreError::InService { member: disks })
    }

    /// The disk's geometry, if all that the pool holds fits on it.
    fn geometry_on(&self, disk: &Arc<dyn Disk>, found: &Found) -> Result<Geometry> {
        let (log_bytes, segment_bytes) = (self.geometry.log_bytes(), self.geometry.segment_bytes());
        let bytes = match found {
            Found::Listed(own) => own.disk_bytes,
            _ => disk.size() / BLOCK_U64 * BLOCK_U64,
        };
        let reserve = u64::from(self.reserve());
        let slots = lock(&self.segments).len() as u64 + reserve + 1;
        let needed = 2 * EDGE_BYTES + 2 * log_bytes + slots * u64::from(segment_bytes);
        let geometry = Geometry::new(bytes, log_bytes, segment_bytes);
        geometry
            .filter(|geometry| u64::from(geometry.segment_slots()) >= slots)
            .ok_or_else(|| StoreError::TooSmall { disk: disk.name().to_owned(), bytes, needed })
    }

    /// Step 2. When there is no room for a checkpoint nothing has changed.
    async fn list_as_missing(&self, log: &mut Log, number: usize, disk_id: DiskId) -> Result<()> {
        let (rows, count) = (log.members, self.members.count());
        if !planted(Bug::ReturnTrusted) {
            lock(&self.segments).forget_copies(number);
        }
        self.forget_retired_copies(number);
        let generation = log.generation + 1;
        if let Some(row) = log.members.get_mut(number) {
            *row = MemberRow { disk_id, state: MEMBER_MISSING, generation, ..EMPTY_ROW };
        }
        self.number_rows(log, count.max(number + 1));
        let listed = self.checkpoint(log, false).await;
        if listed.is_err() {
            log.members = rows;
            self.number_rows(log, count);
        }
        listed
    }

    /// Tells the members which rows are theirs.
    pub(crate) fn number_rows(&self, log: &Log, count: usize) {
        let rows = log.members;
        self.members.set_rows(count, |row| rows.get(row).is_none_or(|row| row.state == 0));
    }

    /// Steps 3 to 5.
    async fn take_in(&self, log: &mut Log, number: usize, member: &Member) -> Result<()> {
        let anchor = self.new_anchor(log).await;
        if anchor.is_err() {
            member.fail();
        }
        let anchor = anchor?;
        if member.is_active() {
            let generation = log.generation + 1;
            if let Some(row) = log.members.get_mut(number) {
                (row.state, row.generation) = (MEMBER_SYNCING, generation);
            }
            self.record_members(log);
            if self.write_ahead(log, &anchor, number, member).await.is_err() {
                member.fail();
            }
        }
        self.all_or_stop(async {
            self.write_superblock(log, anchor.clone(), false).await?;
            self.write_superblock(log, anchor, false).await?;
            self.note_failed_members(log).await
        })
        .await?;
        let disk = || member.disk.name().to_owned();
        if member.is_active() { Ok(()) } else { Err(StoreError::LeftBehind { disk: disk() }) }
    }

    /// Gives a disk the superblock of the next generation before the others have it.
    async fn write_ahead(
        &self,
        log: &Log,
        anchor: &Anchor,
        number: usize,
        member: &Member,
    ) -> Result<()> {
        let lost = StoreError::DamagedStructure { structure: "pool" };
        if anchor.checkpoint.slots.get(number).is_none_or(|slot| *slot == NO_SLOT) {
            return Err(lost);
        }
        let mut superblock = self.superblock(log, anchor, number, member, false).ok_or(lost)?;
        superblock.generation = log.generation + 1;
        for slot in slots_of(superblock.generation) {
            let block = padded(&superblock.encode(slot));
            member.disk.write(member.geometry.superblock_offset(slot), block).await?;
        }
        member.disk.flush().await?;
        member.has_generation(superblock.generation);
        Ok(())
    }
}
