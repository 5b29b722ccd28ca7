//! Reads and writes of the overlay's file from asynchronous code.
//!
//! What lies in the page cache is read at once on the calling thread; everything that may wait for
//! a disk goes to the runtime's threads for blocking work.

use std::fs::{File, TryLockError};
use std::io::{self, IoSlice, IoSliceMut};
use std::ops::Deref;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rustix::io::{Errno, ReadWriteFlags, preadv2, pwritev};

/// The overlay's file, locked for this process.
pub(super) struct LockedFile(File);

impl LockedFile {
    /// Locks `file`, which must not be locked by anybody else.
    pub(super) fn lock(file: File) -> Result<Self, TryLockError> {
        file.try_lock()?;
        Ok(Self(file))
    }
}

impl Deref for LockedFile {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl Drop for LockedFile {
    /// Closing alone would leave the lock to a child process that is being started just now.
    fn drop(&mut self) {
        // It was locked, so it can be unlocked.
        let _ = self.0.unlock();
    }
}

/// Runs `work` on a thread that may wait.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        // Blocking work is never cancelled: it panicked, and so does whoever waits for it.
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}

/// Fills `to` from `offset` of `file`.
pub(super) async fn read(file: &Arc<LockedFile>, offset: u64, to: &mut [u8]) -> io::Result<()> {
    let ready = read_cached(file, offset, to);
    let Some(rest) = to.get_mut(ready..).filter(|rest| !rest.is_empty()) else { return Ok(()) };
    let file = file.clone();
    let length = rest.len();
    let bytes = blocking(move || {
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, offset + ready as u64).map(|()| bytes)
    })
    .await?;
    rest.copy_from_slice(&bytes);
    Ok(())
}

/// Reads what can be had without waiting, from the start on, and says how much that was.
fn read_cached(file: &File, offset: u64, to: &mut [u8]) -> usize {
    let mut ready = 0;
    while let Some(rest) = to.get_mut(ready..).filter(|rest| !rest.is_empty()) {
        let mut rest = [IoSliceMut::new(rest)];
        match preadv2(file, &mut rest, offset + ready as u64, ReadWriteFlags::NOWAIT) {
            Ok(0) => break,
            Ok(count) => ready += count,
            Err(Errno::INTR) => {}
            // Not cached, or a file system that cannot say: the slow way finds out.
            Err(_) => break,
        }
    }
    ready
}

/// Writes the parts one behind the other from `offset` on.
pub(super) fn write_parts(file: &File, mut offset: u64, parts: [&[u8]; 3]) -> io::Result<()> {
    let mut slices = parts.map(IoSlice::new);
    let mut left = &mut slices[..];
    IoSlice::advance_slices(&mut left, 0);
    while !left.is_empty() {
        match pwritev(file, left, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                offset += count as u64;
                IoSlice::advance_slices(&mut left, count);
            }
            Err(Errno::INTR) => {}
            Err(other) => return Err(other.into()),
        }
    }
    Ok(())
}
