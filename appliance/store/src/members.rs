//! The disks of the pool as one: writes go to all that are in service, and a disk that fails one
//! of them is left behind.
//!
//! A disk in service is *complete* when it has a copy of each segment, else it is *syncing*. A
//! syncing disk takes every write but never stands alone: without a complete one the store stops.

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, PoisonError};

use disk::{Buffer, Disk, DiskError, SharedBuffer};
use format::geometry::Geometry;
use format::log::NO_SLOT;
use format::superblock::MAX_MEMBERS;
use futures_util::future::join_all;
use model::{BLOCK, BLOCK_U64, DiskId};

use crate::planted::{Bug, planted};
use crate::space::FreeSlots;
use crate::sync::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Mutex, MutexGuard};
use crate::{Result, StoreError};

/// Slots of one segment, or of one part of a checkpoint, on each member.
pub(crate) type Slots = [u32; MAX_MEMBERS];

/// One disk.
pub(crate) struct Member {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) disk_id: DiskId,
    /// Of the newest superblock that it has for sure.
    generation: AtomicU64,
    pub(crate) geometry: Geometry,
    pub(crate) free: Mutex<FreeSlots>,
    failed: AtomicBool,
    /// It has not got a copy of each segment yet.
    syncing: AtomicBool,
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Member({})", self.disk.name())
    }
}

impl Member {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        disk_id: DiskId,
        generation: u64,
        geometry: Geometry,
    ) -> Self {
        let free = Mutex::new(FreeSlots::new(geometry.segment_slots()));
        let (generation, failed) = (AtomicU64::new(generation), AtomicBool::new(false));
        let syncing = AtomicBool::new(false);
        Self { disk, disk_id, generation, geometry, free, failed, syncing }
    }

    /// As [`new`](Self::new), for a disk that may lack segments.
    pub(crate) fn incomplete(self) -> Self {
        Self { syncing: AtomicBool::new(true), ..self }
    }

    /// As [`incomplete`](Self::incomplete), for a disk that may have copies that nothing names yet:
    /// nothing else is put in their place as long as there is another.
    pub(crate) fn returning(self) -> Self {
        lock(&self.free).take_highest(true);
        self
    }

    /// It may lack segments.
    pub(crate) fn is_syncing(&self) -> bool {
        self.syncing.load(Ordering::Acquire)
    }

    /// It has a copy of each segment from here on.
    pub(crate) fn complete(&self) {
        self.syncing.store(false, Ordering::Release);
    }

    /// It counts as one that may lack segments again.
    pub(crate) fn lacks(&self) {
        self.syncing.store(true, Ordering::Release);
    }

    /// In service: it has taken every write so far.
    pub(crate) fn is_active(&self) -> bool {
        !self.failed.load(Ordering::Acquire)
    }

    pub(crate) fn fail(&self) {
        self.failed.store(true, Ordering::Release);
    }

    /// Generation of the newest superblock that it has for sure.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// It has the superblock of this generation, and all before it.
    pub(crate) fn has_generation(&self, generation: u64) {
        self.generation.store(generation, Ordering::Release);
    }

    /// Reads whole blocks that cover `length` bytes from `offset`.
    pub(crate) async fn read(&self, offset: u64, length: usize) -> Result<Buffer, DiskError> {
        let buffer = Buffer::zeroed(length.next_multiple_of(BLOCK).max(BLOCK));
        self.disk.read(offset, buffer).await
    }

    /// Puts right bytes in the place of bad ones and makes sure that they are there. A disk that
    /// cannot do that has failed.
    pub(crate) async fn rewrite(&self, offset: u64, data: SharedBuffer) -> Result<()> {
        let result = self.try_rewrite(offset, data).await;
        if result.is_err() {
            self.fail();
        }
        result
    }

    async fn try_rewrite(&self, offset: u64, data: SharedBuffer) -> Result<()> {
        self.disk.write(offset, data.clone()).await?;
        self.disk.flush().await?;
        let back = self.read(offset, data.len()).await?;
        if back[..] == data[..] {
            return Ok(());
        }
        Err(StoreError::DamagedStructure { structure: "what was just healed" })
    }

    /// Where a byte of a segment lies on this disk.
    pub(crate) fn segment_offset(&self, slot: u32, offset: u32) -> u64 {
        self.geometry.slot_offset(slot) + u64::from(offset)
    }
}

/// All disks of the pool, in member order; nothing in the place of one that is missing.
///
/// A disk can come into an empty place while the store is open; no other takes that place before
/// the pool is opened again.
#[derive(Debug)]
pub(crate) struct Members {
    list: [OnceLock<Member>; MAX_MEMBERS],
    /// Rows of the member table, those without a member among them.
    count: AtomicUsize,
    /// A bit for each row below `count` that is no member's.
    vacant: AtomicU8,
}

impl Members {
    pub(crate) fn new(list: Vec<Option<Member>>) -> Self {
        let count = AtomicUsize::new(list.len().min(MAX_MEMBERS));
        let places: [OnceLock<Member>; MAX_MEMBERS] = Default::default();
        for (place, member) in places.iter().zip(list) {
            if let Some(member) = member {
                let _ = place.set(member);
            }
        }
        Self { list: places, count, vacant: AtomicU8::new(0) }
    }

    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Sets how many rows there are, and which of them are no member's.
    pub(crate) fn set_rows(&self, count: usize, vacant: impl Fn(usize) -> bool) {
        let bits = (0..count).filter(|row| vacant(*row)).fold(0, |bits, row| bits | 1 << row);
        self.vacant.store(bits, Ordering::Release);
        self.count.store(count, Ordering::Release);
    }

    /// Whether this row is a member's, there or not.
    pub(crate) fn in_use(&self, number: usize) -> bool {
        number < self.count() && self.vacant.load(Ordering::Acquire) & 1 << number == 0
    }

    /// Whether every member is in service.
    pub(crate) fn is_whole(&self) -> bool {
        self.active().count() == (0..self.count()).filter(|row| self.in_use(*row)).count()
    }

    /// Puts a disk in an empty place; `None` when another was there since the pool was opened.
    pub(crate) fn put(&self, number: usize, member: Member) -> Option<&Member> {
        let place = self.list.get(number)?;
        place.set(member).ok()?;
        place.get()
    }

    /// Whether nothing was in this place since the pool was opened.
    pub(crate) fn is_empty(&self, number: usize) -> bool {
        self.list.get(number).is_some_and(|place| place.get().is_none())
    }

    /// The disks in service that have everything.
    pub(crate) fn complete(&self) -> impl Iterator<Item = (usize, &Member)> {
        self.active().filter(|(_, member)| !member.is_syncing() || planted(Bug::SyncingAlone))
    }

    /// The disks in service that may lack segments.
    pub(crate) fn syncing(&self) -> impl Iterator<Item = (usize, &Member)> {
        self.active().filter(|(_, member)| member.is_syncing())
    }

    /// The disks in service with their numbers.
    pub(crate) fn active(&self) -> impl Iterator<Item = (usize, &Member)> {
        self.present().filter(|(_, member)| member.is_active())
    }

    /// The disks that were opened, in service or not.
    pub(crate) fn present(&self) -> impl Iterator<Item = (usize, &Member)> {
        (0..self.count()).filter_map(|number| Some((number, self.get(number)?)))
    }

    pub(crate) fn get(&self, number: usize) -> Option<&Member> {
        self.list.get(number).filter(|_| self.in_use(number))?.get()
    }

    /// The disks that may have a copy of something verified, the likeliest first: those in
    /// service, then those that failed, whose old data is as good as any.
    pub(crate) fn readers(&self) -> impl Iterator<Item = (usize, &Member)> {
        self.active().chain(self.present().filter(|(_, member)| !member.is_active()))
    }

    /// Writes to every active disk at the offset it has for this; `None` skips the disk. A disk
    /// that fails is left behind.
    ///
    /// # Errors
    /// The last disk's error, when none is left that has everything.
    pub(crate) async fn write(
        &self,
        data: &SharedBuffer,
        offset: impl Fn(usize, &Member) -> Option<u64>,
    ) -> Result<()> {
        self.write_each(|number, member| Some((offset(number, member)?, data.clone()))).await
    }

    /// As [`write`](Self::write), with bytes of its own for each disk.
    pub(crate) async fn write_each(
        &self,
        what: impl Fn(usize, &Member) -> Option<(u64, SharedBuffer)>,
    ) -> Result<()> {
        let writes = self.active().filter_map(|(number, member)| {
            let (at, data) = what(number, member)?;
            Some(async move { (member, member.disk.write(at, data).await) })
        });
        self.judge(join_all(writes).await)
    }

    /// Makes everything that was written durable on every active disk.
    pub(crate) async fn flush(&self) -> Result<()> {
        let flushes =
            self.active().map(|(_, member)| async move { (member, member.disk.flush().await) });
        self.judge(join_all(flushes).await)
    }

    fn judge(&self, outcomes: Vec<(&Member, Result<(), DiskError>)>) -> Result<()> {
        let mut last = None;
        for (member, outcome) in outcomes {
            if let Err(error) = outcome {
                member.fail();
                last = Some(error);
            }
        }
        match last {
            Some(error) if self.complete().next().is_none() => Err(error.into()),
            _ if self.complete().next().is_none() => Err(StoreError::Stopped),
            _ => Ok(()),
        }
    }

    /// Takes a free slot on every active disk, leaving `reserve` free on each.
    pub(crate) fn take_slots(&self, reserve: u32) -> Result<Slots> {
        let mut slots = [NO_SLOT; MAX_MEMBERS];
        for (number, member) in self.active() {
            let mut free = lock(&member.free);
            if planted(Bug::SlotSeenThenTaken) {
                let seen = free.clone();
                drop(free);
                free = lock(&member.free);
                *free = seen;
            }
            let taken = free.take(reserve);
            drop(free);
            match (taken, slots.get_mut(number)) {
                (Some(slot), Some(place)) => *place = slot,
                _ => {
                    self.give_slots(&slots);
                    return Err(StoreError::Full);
                }
            }
        }
        Ok(slots)
    }

    /// Returns slots that nothing refers to any more.
    pub(crate) fn give_slots(&self, slots: &Slots) {
        for (member, slot) in self.list.iter().zip(slots) {
            if let Some(member) = member.get()
                && *slot != NO_SLOT
            {
                lock(&member.free).give(*slot);
            }
        }
    }

    /// Marks slots as taken, at opening.
    pub(crate) fn claim_slots(&self, slots: &Slots) {
        for (member, slot) in self.list.iter().zip(slots) {
            if let Some(member) = member.get() {
                lock(&member.free).claim(*slot);
            }
        }
    }

    /// Free slots of the fullest active disk.
    pub(crate) fn free_slots(&self) -> u32 {
        self.active().map(|(_, member)| lock(&member.free).count()).min().unwrap_or(0)
    }
}

/// Bytes padded with zeroes to whole blocks, ready to write.
pub(crate) fn padded(bytes: &[u8]) -> SharedBuffer {
    let mut buffer = Buffer::zeroed(bytes.len().next_multiple_of(BLOCK).max(BLOCK));
    if let Some(room) = buffer.get_mut(..bytes.len()) {
        room.copy_from_slice(bytes);
    }
    buffer.freeze()
}

/// The whole blocks that cover `length` bytes from `offset`: their start and their length.
pub(crate) fn covering(offset: u64, length: usize) -> (u64, usize) {
    let start = offset / BLOCK_U64 * BLOCK_U64;
    let end = (offset + length as u64).next_multiple_of(BLOCK_U64);
    (start, (end - start) as usize)
}

/// A lock that a panic elsewhere does not make useless: what it guards is valid at every step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
