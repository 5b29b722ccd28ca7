//! A machine with simulated disks: what its owner, a test, sees and does.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{BLOCK, BLOCK_U64};

use super::crash::Durable;
use super::device::{Device, SimDisk};
use super::fault::SimFault;
use super::image::{Block, Image, SECTORS_PER_BLOCK};
use super::rng::SimRng;
use crate::Disk;

/// Several simulated disks with one total order of events. Clones are the same machine.
///
/// An event is a write or flush that completed, or damage done by a test. The record of all of
/// them is kept, so that the machine can be cut off after any.
///
/// # Panics
/// Methods that take the number of a disk panic when there is no such disk.
#[derive(Clone)]
pub struct SimMachine {
    state: Arc<Mutex<State>>,
}

/// What a disk was asked for, refused and failed requests included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SimCounts {
    pub reads: u64,
    pub writes: u64,
    pub flushes: u64,
    pub bytes_read: u64,
    pub bytes_written: u64,
    /// Faults that struck.
    pub faults: u64,
}

impl SimMachine {
    /// Disks of these sizes in bytes, rounded down to whole blocks, all zeroes.
    pub fn new(sizes: &[u64]) -> Self {
        Self::with(sizes.iter().map(|&bytes| Image::zeroed(bytes)))
    }

    /// Disks with these contents, rounded down to whole blocks, all of it durable.
    pub fn from_images(images: Vec<Vec<u8>>) -> Self {
        Self::with(images.iter().map(|bytes| Image::of(bytes)))
    }

    pub(super) fn with(images: impl Iterator<Item = Image>) -> Self {
        let devices: Vec<_> = images.map(Device::new).collect();
        let durable = Durable::of(&devices);
        let state = State { devices, events: Vec::new(), durable };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Disk number `disk`, from 0; each call makes another handle to the same disk.
    pub fn disk(&self, disk: usize) -> Arc<dyn Disk> {
        let size = self.lock().devices[disk].current.bytes();
        Arc::new(SimDisk::new(self.clone(), disk, size))
    }

    /// All disks in order.
    pub fn disks(&self) -> Vec<Arc<dyn Disk>> {
        let count = self.lock().devices.len();
        (0..count).map(|disk| self.disk(disk)).collect()
    }

    /// Events so far.
    pub fn event_count(&self) -> usize {
        self.lock().events.len()
    }

    /// What `disk` was asked for since the machine was made.
    pub fn counts(&self, disk: usize) -> SimCounts {
        self.lock().devices[disk].counts
    }

    /// The contents of all disks with every write applied, flushed or not.
    pub fn images(&self) -> Vec<Vec<u8>> {
        self.lock().devices.iter().map(|device| device.current.to_vec()).collect()
    }

    /// Whether the disks of both hold the same with every write applied.
    pub fn holds_the_same(&self, other: &Self) -> bool {
        self.contents() == other.contents()
    }

    fn contents(&self) -> Vec<Image> {
        self.lock().devices.iter().map(|device| device.current.clone()).collect()
    }

    /// The machine after an orderly restart: every write durable, disks back in service, no
    /// events, no faults. This one stays as it is.
    pub fn restarted(&self) -> Self {
        Self::with(self.contents().into_iter())
    }

    /// The machine after a power failure that struck when the first `at` events had happened.
    ///
    /// On each disk everything before its last flush among those events is there. Of its other
    /// writes each is there, missing, or torn between 512-byte sectors, and where two of them
    /// overlap either may lie on top. What happens is up to `rng`. Costs little when `at` does not
    /// fall from call to call.
    pub fn crashed(&self, at: usize, rng: &mut SimRng) -> Self {
        let mut state = self.lock();
        let State { devices, events, durable } = &mut *state;
        Self::with(durable.crash(devices, events, at, rng).into_iter())
    }

    /// The contents of the disks of [`crashed`](Self::crashed).
    pub fn crash(&self, at: usize, rng: &mut SimRng) -> Vec<Vec<u8>> {
        self.crashed(at, rng).images()
    }

    /// Makes a fault happen to `disk`.
    pub fn inject(&self, disk: usize, fault: SimFault) {
        self.lock().devices[disk].faults.arm(fault);
    }

    /// Flips bit `bit`, 0 to 7, of the byte at `offset`, durably. An event.
    pub fn flip_bit(&self, disk: usize, offset: u64, bit: u32) {
        let mut state = self.lock();
        let first = (offset / BLOCK_U64) as usize;
        let block = &state.devices[disk].current.range(first, 1)[0];
        let mut block = **block;
        block[(offset % BLOCK_U64) as usize] ^= 1 << bit;
        state.record(disk, Change::Rot { index: first, block: Arc::new(block) });
    }

    /// Puts `disk` back to what it held after the first `at` events with every write applied, as
    /// when an old copy of a disk is plugged in again. Durable, an event.
    pub fn rewind(&self, disk: usize, at: usize) {
        let mut state = self.lock();
        let mut image = state.devices[disk].initial.clone();
        let earlier = state.events.iter().take(at).filter(|event| event.disk == disk);
        earlier.for_each(|event| event.change.apply(&mut image));
        state.record(disk, Change::Replaced { image });
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SimMachine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        write!(f, "SimMachine({} disks, {} events)", state.devices.len(), state.events.len())
    }
}

pub(super) struct State {
    pub(super) devices: Vec<Device>,
    pub(super) events: Vec<Event>,
    durable: Durable,
}

impl State {
    /// Makes `change` happen to `disk` and remembers it.
    pub(super) fn record(&mut self, disk: usize, change: Change) {
        change.apply(&mut self.devices[disk].current);
        self.events.push(Event { disk, change });
    }
}

pub(super) struct Event {
    pub(super) disk: usize,
    pub(super) change: Change,
}

pub(super) enum Change {
    /// The first `sectors` sectors of `blocks` went to the disk's cache, for block `first` on.
    Write { first: usize, blocks: Vec<Block>, sectors: usize },
    /// The cache went to the medium.
    Flush,
    /// A block changed on the medium.
    Rot { index: usize, block: Block },
    /// The medium is another one; the cache went with the old one.
    Replaced { image: Image },
}

impl Change {
    /// A write of all of `data`, whole blocks.
    pub(super) fn write(offset: u64, blocks: Vec<Block>) -> Self {
        let sectors = blocks.len() * SECTORS_PER_BLOCK;
        Self::Write { first: offset as usize / BLOCK, blocks, sectors }
    }

    /// Does to `image` what the change did to the disk.
    pub(super) fn apply(&self, image: &mut Image) {
        match self {
            Self::Write { first, blocks, sectors } => {
                let (whole, torn) = blocks.split_at(sectors / SECTORS_PER_BLOCK);
                image.put(*first, whole);
                let rest = sectors % SECTORS_PER_BLOCK;
                let torn = &torn[..torn.len().min(rest.min(1))];
                image.put_sectors(first + whole.len(), torn, |sector| sector < rest);
            }
            Self::Flush => {}
            Self::Rot { index, block } => image.put(*index, std::slice::from_ref(block)),
            Self::Replaced { image: other } => image.clone_from(other),
        }
    }
}
