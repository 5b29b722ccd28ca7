//! Single operations on the ring, carried on until they are whole.

use std::fs;
use std::io;
use std::mem::ManuallyDrop;
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio_uring::buf::BoundedBuf;
use tokio_uring::buf::fixed::FixedBuf;
use tokio_uring::fs::File;

use super::fixed::Registration;
use crate::queue::{Core, Request};
use crate::{Buffer, DiskError, FailReason, Operation, SharedBuffer};

/// The file of one disk, on the thread of its ring.
pub(super) struct Ring {
    core: Arc<Core>,
    file: File,
    /// Held during a flush. The kernel reports a lost write to one flush only; one that ran beside
    /// it would succeed and be believed.
    flushing: Mutex<()>,
    registration: Registration,
}

impl Ring {
    pub(super) fn new(core: Arc<Core>, file: fs::File) -> Self {
        let file = File::from_std(file);
        Self { core, file, flushing: Mutex::new(()), registration: Registration::default() }
    }

    /// Answers one request. Who asked may no longer listen.
    pub(super) async fn serve(&self, request: Request) {
        match request {
            Request::Read { offset, buffer, reply } => {
                let _ = reply.send(self.read(offset, buffer).await);
            }
            Request::Write { offset, data, reply } => {
                let _ = reply.send(self.write(offset, data).await);
            }
            Request::Flush { reply } => {
                let _ = reply.send(self.flush().await);
            }
            #[cfg(test)]
            Request::Panic { reply: _reply, .. } => panic!("asked for by a test"),
        }
    }

    async fn read(&self, offset: u64, buffer: Buffer) -> Result<Buffer, DiskError> {
        self.core.check()?;
        let length = buffer.len();
        let (result, buffer) = match self.registration.check_out(&buffer.memory, length) {
            Some(fixed) => {
                let held = Held::new(buffer);
                let result = self.read_fixed(fixed, offset, length).await;
                (result, held.release())
            }
            None => self.read_plain(buffer, offset).await,
        };
        match result {
            Ok(()) => Ok(buffer),
            Err(source) => Err(self.core.io_error(Operation::Read, offset, length, source)),
        }
    }

    async fn read_plain(&self, mut buffer: Buffer, offset: u64) -> (io::Result<()>, Buffer) {
        let mut progress = Progress::new(buffer.len());
        while !progress.is_whole() {
            let rest = BoundedBuf::slice(buffer, progress.done..);
            let (result, rest) = self.file.read_at(rest, offset + progress.done as u64).await;
            buffer = rest.into_inner();
            if let Err(error) = progress.add(result) {
                return (Err(error), buffer);
            }
        }
        (Ok(()), buffer)
    }

    async fn read_fixed(&self, mut fixed: FixedBuf, offset: u64, length: usize) -> io::Result<()> {
        let mut progress = Progress::new(length);
        while !progress.is_whole() {
            let rest = fixed.slice(progress.done..length);
            let (result, rest) = self.file.read_fixed_at(rest, offset + progress.done as u64).await;
            fixed = rest.into_inner();
            progress.add(result)?;
        }
        Ok(())
    }

    async fn write(&self, offset: u64, data: SharedBuffer) -> Result<(), DiskError> {
        self.core.check()?;
        let length = data.len();
        let result = match self.registration.check_out(&data.memory, length) {
            Some(fixed) => {
                let start = data.start;
                let held = Held::new(data);
                let result = self.write_fixed(fixed, start, offset, length).await;
                held.release();
                result
            }
            None => self.write_plain(data, offset).await,
        };
        result.map_err(|source| self.core.io_error(Operation::Write, offset, length, source))
    }

    async fn write_plain(&self, mut data: SharedBuffer, offset: u64) -> io::Result<()> {
        let mut progress = Progress::new(data.len());
        while !progress.is_whole() {
            let rest = BoundedBuf::slice(data, progress.done..);
            let write = self.file.write_at(rest, offset + progress.done as u64);
            let (result, rest) = write.submit().await;
            data = rest.into_inner();
            progress.add(result)?;
        }
        Ok(())
    }

    async fn write_fixed(
        &self,
        mut fixed: FixedBuf,
        start: usize,
        offset: u64,
        length: usize,
    ) -> io::Result<()> {
        let mut progress = Progress::new(length);
        while !progress.is_whole() {
            let rest = fixed.slice(start + progress.done..start + length);
            let (result, rest) =
                self.file.write_fixed_at(rest, offset + progress.done as u64).await;
            fixed = rest.into_inner();
            progress.add(result)?;
        }
        Ok(())
    }

    async fn flush(&self) -> Result<(), DiskError> {
        let _flushing = self.flushing.lock().await;
        self.core.check()?;
        self.file.sync_data().await.map_err(|source| {
            self.core.fence.raise(FailReason::Flush);
            self.core.io_error(Operation::Flush, 0, 0, source)
        })
    }
}

/// Keeps a buffer from going back to its pool while the kernel works on its registered form, which
/// alone is no right to the memory. If the operation is abandoned (a panic), the buffer is leaked.
struct Held<T>(ManuallyDrop<T>);

impl<T> Held<T> {
    fn new(buffer: T) -> Self {
        Self(ManuallyDrop::new(buffer))
    }

    /// The operation has ended.
    fn release(self) -> T {
        ManuallyDrop::into_inner(self.0)
    }
}

/// How much of a transfer has happened: the kernel may do less than it was asked for.
struct Progress {
    done: usize,
    length: usize,
}

impl Progress {
    fn new(length: usize) -> Self {
        Self { done: 0, length }
    }

    fn is_whole(&self) -> bool {
        self.done >= self.length
    }

    fn add(&mut self, result: io::Result<usize>) -> io::Result<()> {
        match result {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(bytes) => {
                self.done += bytes;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        }
    }
}
