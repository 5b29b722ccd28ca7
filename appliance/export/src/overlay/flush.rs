//! How changes become durable: the data first, then the journal record that points to it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering;

use rustix::fs::{FallocateFlags, fallocate};

use super::layout::Header;
use super::map::BlockMap;
use super::{Maps, Overlay, OverlayError, file, journal};

/// A journal is rewritten when it is longer than this many bytes and has grown to
/// [`REWRITE_FACTOR`] times what it was when it was last rewritten. So it stays small when a client
/// discards and writes the same blocks for weeks, and rewriting costs a fraction of what is
/// written.
const REWRITE_MIN: u64 = 4 << 20;
const REWRITE_FACTOR: u64 = 4;

/// Space kept for the journal ahead of its end, in bytes: a file system that is full fails writes,
/// which a client can bear, before it fails flushes, which stop the overlay.
const RESERVE: u64 = 1 << 20;

/// The end of the journal, and what the header on disk says of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Journal {
    pub(super) header: Header,
    /// Where the next record goes.
    pub(super) end: u64,
    pub(super) next_sequence: u64,
    /// Length of the journal when it was last rewritten, in bytes.
    pub(super) rewritten: u64,
    /// Up to where space was asked for.
    pub(super) reserved: u64,
}

/// What a flush has to put into the journal.
enum Commit {
    Append(BlockMap),
    Rewrite(BlockMap),
}

impl Overlay {
    /// Makes every change durable that had ended when this was called. Flushes that wait for each
    /// other share one.
    ///
    /// # Errors
    /// After an error it is unknown what is durable, and the overlay takes no more changes.
    pub async fn flush(&self) -> Result<(), OverlayError> {
        let wanted = self.changes.load(Ordering::Acquire);
        let mut journal = self.journal.lock().await;
        if self.stopped.load(Ordering::Acquire) {
            return Err(OverlayError::Stopped);
        }
        if self.flushed.load(Ordering::Acquire) >= wanted {
            return Ok(());
        }
        // Counted before the map is taken: whatever is counted is in the map.
        let covered = self.changes.load(Ordering::Acquire);
        let commit = self.maps().take(journal.is_overgrown());
        let result = self.run(*journal, move |journal, file| journal.commit(file, commit)).await;
        *journal = result?;
        self.flushed.store(covered, Ordering::Release);
        Ok(())
    }

    /// Flushes, and notes in the header how far the journal reaches, so that damage to it cannot be
    /// taken for the end of an interrupted flush. The overlay can still be used.
    pub async fn close(&self) -> Result<(), OverlayError> {
        self.flush().await?;
        let mut journal = self.journal.lock().await;
        if journal.header.journal_end == journal.end {
            return Ok(());
        }
        *journal = self.run(*journal, |journal, file| journal.seal(file)).await?;
        Ok(())
    }

    /// Runs `work` on a copy of the journal's state where it may wait. A failure stops the overlay.
    async fn run(
        &self,
        mut journal: Journal,
        work: impl FnOnce(&mut Journal, &File) -> io::Result<()> + Send + 'static,
    ) -> Result<Journal, OverlayError> {
        let file = self.file.clone();
        let result = file::blocking(move || work(&mut journal, &file).map(|()| journal)).await;
        result.map_err(|error| {
            self.stopped.store(true, Ordering::Release);
            OverlayError::write(error)
        })
    }
}

impl Maps {
    fn take(&mut self, everything: bool) -> Commit {
        let unrecorded = std::mem::take(&mut self.unrecorded);
        if everything { Commit::Rewrite(self.held.clone()) } else { Commit::Append(unrecorded) }
    }
}

impl Journal {
    fn is_overgrown(&self) -> bool {
        let length = self.end - self.header.journal_start;
        length > REWRITE_MIN.max(self.rewritten.saturating_mul(REWRITE_FACTOR))
    }

    fn commit(&mut self, file: &File, commit: Commit) -> io::Result<()> {
        file.sync_data()?;
        match commit {
            Commit::Append(changed) if changed.is_empty() => Ok(()),
            Commit::Append(changed) => {
                self.append(file, &changed)?;
                file.sync_data()
            }
            Commit::Rewrite(held) => self.rewrite(file, &held),
        }
    }

    fn append(&mut self, file: &File, changed: &BlockMap) -> io::Result<()> {
        let base = self.header.base;
        self.end = journal::write_record(file, base, self.end, self.next_sequence, changed)?;
        self.next_sequence += 1;
        self.reserve(file);
        Ok(())
    }

    /// Starts a journal behind the old one with a record of everything. Until the header points to
    /// it the old one counts.
    fn rewrite(&mut self, file: &File, held: &BlockMap) -> io::Result<()> {
        let (old_start, new_start) = (self.header.journal_start, self.end);
        self.header.journal_start = new_start;
        self.header.first_sequence = self.next_sequence;
        self.append(file, held)?;
        self.rewritten = self.end - new_start;
        file.sync_data()?;
        self.seal(file)?;
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        // Where space cannot be given back the old records are only a waste.
        let _ = fallocate(file, flags, old_start, new_start - old_start);
        Ok(())
    }

    /// Writes a header that says that all of the journal is durable, which it has to be.
    fn seal(&mut self, file: &File) -> io::Result<()> {
        self.header.journal_end = self.end;
        self.header.generation += 1;
        file.write_all_at(&self.header.encode(), self.header.slot())?;
        file.sync_data()
    }

    pub(super) fn reserve(&mut self, file: &File) {
        if self.end + RESERVE / 2 < self.reserved {
            return;
        }
        // No space or no such function here: then a flush finds out, as it would have.
        let _ = fallocate(file, FallocateFlags::KEEP_SIZE, self.end, RESERVE);
        self.reserved = self.end + RESERVE;
    }
}
