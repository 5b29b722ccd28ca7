//! One disk of a simulated machine, and the handle that users of disks see.

use std::fmt;
use std::io;
use std::sync::Arc;

use model::BLOCK;

use super::fault::{Faults, SimFault};
use super::image::{Image, SECTORS_PER_BLOCK, to_blocks};
use super::machine::{Change, SimCounts, SimMachine, State};
use crate::disk::check_range;
use crate::sync::turn;
use crate::{Buffer, Disk, DiskError, DiskFuture, FailReason, Operation, SharedBuffer};

/// What the machine knows of a disk.
pub(super) struct Device {
    /// The contents before the first event.
    pub(super) initial: Image,
    /// The contents with every write applied.
    pub(super) current: Image,
    pub(super) counts: SimCounts,
    pub(super) faults: Faults,
    failed: Option<FailReason>,
}

impl Device {
    pub(super) fn new(initial: Image) -> Self {
        let current = initial.clone();
        let (counts, faults) = (SimCounts::default(), Faults::default());
        Self { initial, current, counts, faults, failed: None }
    }
}

/// A handle to disk number `index` of a machine.
pub(super) struct SimDisk {
    machine: SimMachine,
    index: usize,
    name: Arc<str>,
    size: u64,
}

impl SimDisk {
    pub(super) fn new(machine: SimMachine, index: usize, size: u64) -> Self {
        Self { machine, index, name: format!("sim{index}").into(), size }
    }

    fn read_now(&self, offset: u64, buffer: &mut Buffer) -> Result<(), DiskError> {
        check_range(&self.name, self.size, offset, buffer.len())?;
        let mut state = self.machine.lock();
        let counts = &mut state.devices[self.index].counts;
        counts.reads += 1;
        counts.bytes_read += buffer.len() as u64;
        let first = offset as usize / BLOCK;
        match self.strike(&mut state, Operation::Read)? {
            Some(SimFault::FailRead { .. }) => {
                return Err(self.error(Operation::Read, offset, buffer.len()));
            }
            Some(SimFault::StaleRead { .. }) => {
                self.before_last_write(&state).copy_to(first, buffer)
            }
            _ => state.devices[self.index].current.copy_to(first, buffer),
        }
        Ok(())
    }

    fn write_now(&self, offset: u64, data: &[u8]) -> Result<(), DiskError> {
        check_range(&self.name, self.size, offset, data.len())?;
        let mut state = self.machine.lock();
        let counts = &mut state.devices[self.index].counts;
        counts.writes += 1;
        counts.bytes_written += data.len() as u64;
        let blocks = to_blocks(data);
        match self.strike(&mut state, Operation::Write)? {
            Some(SimFault::FailWrite { .. }) => {
                let sectors = blocks.len() * SECTORS_PER_BLOCK / 2;
                let first = offset as usize / BLOCK;
                state.record(self.index, Change::Write { first, blocks, sectors });
                return Err(self.error(Operation::Write, offset, data.len()));
            }
            Some(SimFault::LoseWrite { .. }) => {}
            Some(SimFault::MisdirectWrite { to, .. }) => {
                state.record(self.index, Change::write(to, blocks));
            }
            _ => state.record(self.index, Change::write(offset, blocks)),
        }
        Ok(())
    }

    fn flush_now(&self) -> Result<(), DiskError> {
        let mut state = self.machine.lock();
        state.devices[self.index].counts.flushes += 1;
        if self.strike(&mut state, Operation::Flush)?.is_some() {
            state.devices[self.index].failed = Some(FailReason::Flush);
            return Err(self.error(Operation::Flush, 0, 0));
        }
        state.record(self.index, Change::Flush);
        Ok(())
    }

    /// The fault that strikes this operation, or an error if the disk is out of service.
    fn strike(
        &self,
        state: &mut State,
        operation: Operation,
    ) -> Result<Option<SimFault>, DiskError> {
        let events = state.events.len();
        let device = &mut state.devices[self.index];
        if device.faults.gone(events) {
            device.failed = Some(FailReason::Gone);
        }
        match device.failed {
            Some(reason) => Err(DiskError::Failed { disk: self.name.clone(), reason }),
            None => {
                let struck = device.faults.strike(operation);
                device.counts.faults += u64::from(struck.is_some());
                Ok(struck)
            }
        }
    }

    /// An image of which each block is what it was before it was last written.
    fn before_last_write(&self, state: &State) -> Image {
        let mut now = state.devices[self.index].initial.clone();
        let mut before = now.clone();
        for event in state.events.iter().filter(|event| event.disk == self.index) {
            if let Change::Write { first, blocks, .. } = &event.change {
                before.put(*first, now.range(*first, blocks.len()));
            }
            event.change.apply(&mut now);
        }
        before
    }

    fn error(&self, operation: Operation, offset: u64, length: usize) -> DiskError {
        let source = io::Error::from_raw_os_error(libc::EIO);
        DiskError::Io { disk: self.name.clone(), operation, offset, length: length as u64, source }
    }
}

impl Disk for SimDisk {
    fn name(&self) -> &str {
        &self.name
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, offset: u64, mut buffer: Buffer) -> DiskFuture<'_, Buffer> {
        Box::pin(async move {
            turn().await;
            self.read_now(offset, &mut buffer)?;
            Ok(buffer)
        })
    }

    fn write(&self, offset: u64, data: SharedBuffer) -> DiskFuture<'_, ()> {
        Box::pin(async move {
            turn().await;
            let result = self.write_now(offset, &data);
            turn().await;
            result
        })
    }

    fn flush(&self) -> DiskFuture<'_, ()> {
        Box::pin(async move {
            turn().await;
            let result = self.flush_now();
            turn().await;
            result
        })
    }
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimDisk({})", self.name)
    }
}
