//! Changes to an overlay: bytes written, and ranges that become zero.

use std::sync::atomic::Ordering;

use rustix::fs::{FallocateFlags, fallocate};

use super::layout::{self, BLOCK};
use super::map::Held;
use super::{Overlay, OverlayError, file, room};

/// Zeroes that must take space are written in pieces of this size, in bytes.
const ZEROES: usize = 1 << 20;
static ZERO_BYTES: [u8; ZEROES] = [0; ZEROES];

impl Overlay {
    /// Writes `data` at `offset`. It is durable after the next [`Overlay::flush`]. A caller that
    /// stops polling before the end must not change the same blocks again: the write goes on.
    ///
    /// # Errors
    /// After an error the range holds old bytes, new bytes, or some of both.
    pub async fn write<D>(&self, offset: u64, data: D) -> Result<(), OverlayError>
    where
        D: AsRef<[u8]> + Send + 'static,
    {
        let length = data.as_ref().len() as u64;
        self.check(offset, length)?;
        if length == 0 {
            return Ok(());
        }
        let shared = self.filling.read().await;
        let (before, after) = self.partial_blocks(offset, length);
        if before == 0 && after == 0 {
            return self.write_filled(offset, Vec::new(), data, Vec::new()).await;
        }
        drop(shared);
        let _alone = self.filling.write().await;
        // Others may have filled the blocks or given them up in between.
        let (before, after) = self.partial_blocks(offset, length);
        let (mut head, mut tail) = (vec![0; before], vec![0; after]);
        self.read_bytes(offset - before as u64, &mut head).await?;
        self.read_bytes(offset + length, &mut tail).await?;
        self.write_filled(offset, head, data, tail).await
    }

    /// Makes `length` bytes from `offset` zero. Whole blocks then take no space.
    pub async fn write_zeroes(&self, offset: u64, length: u64) -> Result<(), OverlayError> {
        self.check(offset, length)?;
        let end = offset + length;
        let (first, last) = self.whole_blocks(offset, end);
        if first >= last {
            return self.write_zero_bytes(offset, end).await;
        }
        self.write_zero_bytes(offset, first * BLOCK).await?;
        self.drop_blocks(first, last).await;
        self.write_zero_bytes((last * BLOCK).min(end), end).await
    }

    /// Makes `length` bytes from `offset` zero, with their space taken: later writes to them will
    /// not find the file system full.
    pub async fn fill_with_zeroes(&self, offset: u64, length: u64) -> Result<(), OverlayError> {
        self.check(offset, length)?;
        self.write_zero_bytes(offset, offset + length).await
    }

    /// Gives up `length` bytes from `offset`: the blocks that lie wholly inside become zero and
    /// take no space, the rest stays.
    pub async fn discard(&self, offset: u64, length: u64) -> Result<(), OverlayError> {
        self.check(offset, length)?;
        let (first, last) = self.whole_blocks(offset, offset + length);
        if first < last {
            self.drop_blocks(first, last).await;
        }
        Ok(())
    }

    fn check(&self, offset: u64, length: u64) -> Result<(), OverlayError> {
        if self.stopped.load(Ordering::Acquire) {
            return Err(OverlayError::Stopped);
        }
        let inside = offset.checked_add(length).is_some_and(|end| end <= self.image.size());
        inside.then_some(()).ok_or(OverlayError::OutOfRange { offset, length })
    }

    /// How many bytes have to be added before and behind a write, so that no block that comes to
    /// be held has bytes that nobody wrote. A block that is held already needs none.
    fn partial_blocks(&self, offset: u64, length: u64) -> (usize, usize) {
        let end = offset + length;
        let before = offset % BLOCK;
        let after = end.next_multiple_of(BLOCK).min(self.image.size()) - end;
        let held = |at: u64| self.held_at(at, 1).0 == Held::Data;
        let before = if before == 0 || held(offset) { 0 } else { before };
        let after = if after == 0 || held(end - 1) { 0 } else { after };
        (before as usize, after as usize)
    }

    async fn write_filled<D>(
        &self,
        offset: u64,
        head: Vec<u8>,
        data: D,
        tail: Vec<u8>,
    ) -> Result<(), OverlayError>
    where
        D: AsRef<[u8]> + Send + 'static,
    {
        let first = offset - head.len() as u64;
        let end = offset + data.as_ref().len() as u64 + tail.len() as u64;
        let to = self.file.clone();
        let grows =
            self.leaves_room && self.held_at(first, end - first) != (Held::Data, end - first);
        file::blocking(move || {
            if grows {
                room::check(&to, end - first)?;
            }
            file::write_parts(&to, layout::place(first), [&head, data.as_ref(), &tail])
        })
        .await
        .map_err(OverlayError::write)?;
        self.record(first / BLOCK, end.div_ceil(BLOCK), Held::Data);
        Ok(())
    }

    /// Writes zeroes as data from `offset` to `end`.
    async fn write_zero_bytes(&self, mut offset: u64, end: u64) -> Result<(), OverlayError> {
        while offset < end {
            let length = (end - offset).min(ZEROES as u64);
            let zeroes = ZERO_BYTES.get(..length as usize).unwrap_or(&ZERO_BYTES);
            self.write(offset, zeroes).await?;
            offset += length;
        }
        Ok(())
    }

    /// The blocks that lie wholly between `offset` and `end`: first, and first behind them. The
    /// disk's last block is whole when it reaches to the disk's end.
    fn whole_blocks(&self, offset: u64, end: u64) -> (u64, u64) {
        let last = if end == self.image.size() { end.div_ceil(BLOCK) } else { end / BLOCK };
        (offset.div_ceil(BLOCK), last)
    }

    async fn drop_blocks(&self, first: u64, last: u64) {
        let _alone = self.filling.write().await;
        let had_data = self.maps().held_any_data(first, last);
        self.record(first, last, Held::Zero);
        if !had_data {
            return;
        }
        let file = self.file.clone();
        file::blocking(move || {
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            let (place, length) = (layout::place(first * BLOCK), (last - first) * BLOCK);
            // Where space cannot be given back the blocks are still zero: the map says so.
            let _ = fallocate(&**file, flags, place, length);
        })
        .await;
    }

    /// Notes what the blocks from `first` to before `last` are held as from now on.
    pub(super) fn record(&self, first: u64, last: u64, held: Held) {
        let mut maps = self.maps();
        maps.change(first, last, held);
        drop(maps);
        self.changes.fetch_add(1, Ordering::AcqRel);
    }
}

impl super::Maps {
    fn held_any_data(&self, first: u64, last: u64) -> bool {
        let mut at = first;
        while at < last {
            let (held, count) = self.held.run(at, last - at);
            if held == Held::Data {
                return true;
            }
            at += count;
        }
        false
    }

    /// Only what differs from before has to go to the journal.
    fn change(&mut self, first: u64, last: u64, to: Held) {
        let mut at = first;
        while at < last {
            let (held, count) = self.held.run(at, last - at);
            if held != to {
                self.unrecorded.set(at, count, to);
            }
            at += count;
        }
        self.held.set(first, last.saturating_sub(first), to);
    }
}
