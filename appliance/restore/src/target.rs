//! Where a restored volume goes.

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use disk::{Disk, SharedBuffer};
use futures_executor::block_on;
use futures_util::future::try_join_all;
use model::BLOCK;
use record::{RecordError, Result};

/// Most bytes of one write: enough for a disk's full speed.
const WRITE_BYTES: usize = 4 << 20;

/// Takes the ranges of a volume, from several workers at once.
pub trait Target: Send + Sync + fmt::Debug {
    /// Takes the range with this number. `bytes` are its blocks; `runs` (first block, blocks)
    /// tells which of them hold data, the others are zeroes. `length` is its exact bytes.
    fn put(
        &self,
        number: u64,
        offset: u64,
        length: usize,
        bytes: SharedBuffer,
        runs: &[(u32, u32)],
    ) -> Result<u64>;

    /// Takes a range that reads as zeroes.
    fn put_hole(&self, number: u64, offset: u64, length: usize) -> Result<u64>;

    /// Called once, after the last range: makes what was written durable.
    fn finish(&self) -> Result<()>;

    /// Called when a worker failed: nobody needs to wait for its range.
    fn give_up(&self) {}
}

/// A device, or a file that was made for this.
///
/// A disk takes whole blocks; a device may end with a part of one, as volumes may. Those last bytes
/// go through the page cache, which takes any number; what follows them on the device stays.
#[derive(Debug)]
pub struct DiskTarget {
    disk: Arc<dyn Disk>,
    /// Of a device: what takes the bytes behind the last whole block of a volume.
    rest: Option<File>,
}

impl DiskTarget {
    /// A new file with room for the volume in whole blocks, which reads as zeroes.
    pub fn new_file(disk: Arc<dyn Disk>) -> Self {
        Self { disk, rest: None }
    }

    /// A device with anything on it, and the same opened for writing through the page cache.
    pub fn device(disk: Arc<dyn Disk>, cached: File) -> Self {
        Self { disk, rest: Some(cached) }
    }

    /// Writes all of a range to a device.
    fn overwrite(
        &self,
        rest: &File,
        offset: u64,
        length: usize,
        bytes: &SharedBuffer,
    ) -> Result<u64> {
        let blocks = length / BLOCK;
        let written = self.write(offset, bytes, &[(0, blocks as u32)])?;
        let last = bytes.get(blocks * BLOCK..length).unwrap_or_default();
        let done = rest.write_all_at(last, offset + (blocks * BLOCK) as u64);
        done.map_err(|error| self.outside(error))?;
        Ok(written + last.len() as u64)
    }

    fn outside(&self, error: std::io::Error) -> RecordError {
        RecordError::Outside { name: self.disk.name().to_owned(), source: Arc::new(error) }
    }

    fn write(&self, offset: u64, bytes: &SharedBuffer, runs: &[(u32, u32)]) -> Result<u64> {
        let mut writes = Vec::new();
        let mut written = 0;
        for (start, blocks) in runs {
            let from = *start as usize * BLOCK;
            let to = from + *blocks as usize * BLOCK;
            written += (to - from) as u64;
            for at in (from..to).step_by(WRITE_BYTES) {
                let piece = bytes.slice(at..to.min(at + WRITE_BYTES));
                writes.push(self.disk.write(offset + at as u64, piece));
            }
        }
        block_on(try_join_all(writes)).map_err(store::StoreError::from)?;
        Ok(written)
    }
}

impl Target for DiskTarget {
    fn put(
        &self,
        _number: u64,
        offset: u64,
        length: usize,
        bytes: SharedBuffer,
        runs: &[(u32, u32)],
    ) -> Result<u64> {
        match &self.rest {
            None => self.write(offset, &bytes, runs),
            Some(rest) => self.overwrite(rest, offset, length, &bytes),
        }
    }

    fn put_hole(&self, _number: u64, offset: u64, length: usize) -> Result<u64> {
        let Some(rest) = &self.rest else { return Ok(0) };
        let zeroes = disk::Buffer::zeroed(length.next_multiple_of(BLOCK)).freeze();
        self.overwrite(rest, offset, length, &zeroes)
    }

    fn finish(&self) -> Result<()> {
        if let Some(rest) = &self.rest {
            rest.sync_all().map_err(|error| self.outside(error))?;
        }
        block_on(self.disk.flush()).map_err(|error| store::StoreError::from(error).into())
    }
}

/// Throws everything away: for measuring, and for proving that a point can be read.
#[derive(Debug)]
pub struct Discard;

impl Target for Discard {
    fn put(
        &self,
        _number: u64,
        _offset: u64,
        length: usize,
        _bytes: SharedBuffer,
        _runs: &[(u32, u32)],
    ) -> Result<u64> {
        Ok(length as u64)
    }

    fn put_hole(&self, _number: u64, _offset: u64, _length: usize) -> Result<u64> {
        Ok(0)
    }

    fn finish(&self) -> Result<()> {
        Ok(())
    }
}

/// A stream, which takes the ranges in order: each worker waits for its turn.
pub struct PipeTarget<W> {
    name: String,
    state: Mutex<Pipe<W>>,
    turn: Condvar,
}

struct Pipe<W> {
    writer: W,
    next: u64,
    broken: bool,
}

impl<W> fmt::Debug for PipeTarget<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PipeTarget({})", self.name)
    }
}

impl<W: Write + Send> PipeTarget<W> {
    pub fn new(name: &str, writer: W) -> Self {
        let state = Mutex::new(Pipe { writer, next: 0, broken: false });
        Self { name: name.to_owned(), state, turn: Condvar::new() }
    }

    fn in_turn(
        &self,
        number: u64,
        write: impl FnOnce(&mut W) -> std::io::Result<()>,
    ) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.next != number && !state.broken {
            state = self.turn.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.broken {
            return Err(RecordError::Interrupted);
        }
        let outcome = write(&mut state.writer);
        state.next += 1;
        state.broken = outcome.is_err();
        self.turn.notify_all();
        outcome.map_err(|source| outside(&self.name, source))
    }
}

/// Why a writer failed. With [`ErrorKind::WouldBlock`] it says that nobody wants it to wait any
/// longer.
pub(crate) fn outside(name: &str, source: std::io::Error) -> RecordError {
    match source.kind() {
        ErrorKind::WouldBlock => RecordError::Interrupted,
        _ => RecordError::Outside { name: name.to_owned(), source: Arc::new(source) },
    }
}

impl<W: Write + Send> Target for PipeTarget<W> {
    fn put(
        &self,
        number: u64,
        _offset: u64,
        length: usize,
        bytes: SharedBuffer,
        _runs: &[(u32, u32)],
    ) -> Result<u64> {
        self.in_turn(number, |writer| writer.write_all(bytes.get(..length).unwrap_or_default()))?;
        Ok(length as u64)
    }

    fn put_hole(&self, number: u64, _offset: u64, length: usize) -> Result<u64> {
        self.in_turn(number, |writer| {
            std::io::copy(&mut std::io::Read::take(std::io::repeat(0), length as u64), writer)?;
            Ok(())
        })?;
        Ok(length as u64)
    }

    fn give_up(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).broken = true;
        self.turn.notify_all();
    }

    fn finish(&self) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.writer.flush().map_err(|source| outside(&self.name, source))
    }
}
