//! The front of both real back ends: requests go into one bounded queue, owners of the file take
//! them out, each answer comes back on its own channel.
//!
//! Whatever happens to the serving threads, a caller gets an answer: an unanswered request that is
//! dropped, and a panic, both turn into [`DiskError::Failed`].

use std::fmt;
use std::fs::File;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::thread::JoinHandle;

use futures_util::future::{Either, select};
use tokio::sync::{mpsc, oneshot};

use crate::disk::check_range;
use crate::fence::Fence;
use crate::{
    Access, Backend, Buffer, Disk, DiskError, DiskFuture, FailReason, Operation, SharedBuffer,
    threads, uring,
};

/// Requests that wait for a disk, and, in the ring, requests in flight: enough to keep a fast drive
/// busy at 4 KiB; beyond it the caller waits. Memory is bounded by the buffers that callers hold.
pub(crate) const QUEUE_DEPTH: usize = 128;

pub(crate) type Reply<T> = oneshot::Sender<Result<T, DiskError>>;

/// One operation, with all that it needs.
pub(crate) enum Request {
    Read {
        offset: u64,
        buffer: Buffer,
        reply: Reply<Buffer>,
    },
    Write {
        offset: u64,
        data: SharedBuffer,
        reply: Reply<()>,
    },
    Flush {
        reply: Reply<()>,
    },
    /// A bug: in the service of this request, or in the loop that takes requests out.
    #[cfg(test)]
    Panic {
        in_loop: bool,
        reply: Reply<()>,
    },
}

/// What the front and the threads of a disk both know.
pub(crate) struct Core {
    pub(crate) name: Arc<str>,
    pub(crate) fence: Fence,
}

impl Core {
    /// An error once the disk is out of service.
    pub(crate) fn check(&self) -> Result<(), DiskError> {
        self.fence.reason().map_or(Ok(()), |reason| Err(self.failed(reason)))
    }

    pub(crate) fn failed(&self, reason: FailReason) -> DiskError {
        DiskError::Failed { disk: self.name.clone(), reason }
    }

    pub(crate) fn io_error(
        &self,
        operation: Operation,
        offset: u64,
        length: usize,
        source: std::io::Error,
    ) -> DiskError {
        DiskError::Io { disk: self.name.clone(), operation, offset, length: length as u64, source }
    }
}

/// A file or device that is served by threads of its own.
pub(crate) struct QueuedDisk {
    core: Arc<Core>,
    /// The same open file as the threads', for its lock.
    file: File,
    size: u64,
    access: Access,
    /// `None` only while the disk is being dropped.
    requests: Option<mpsc::Sender<Request>>,
    threads: Vec<JoinHandle<()>>,
}

impl QueuedDisk {
    /// Starts the threads that serve `file`.
    pub(crate) fn start(
        path: &Path,
        file: File,
        size: u64,
        access: Access,
        backend: Backend,
    ) -> Result<Self, DiskError> {
        let core = Arc::new(Core { name: path.to_string_lossy().into(), fence: Fence::default() });
        let (sender, receiver) = mpsc::channel(QUEUE_DEPTH);
        let opened = |source| DiskError::Open { path: path.into(), source };
        let served = file.try_clone().map_err(opened)?;
        // Made first, so that an error on the way releases the file in the same manner.
        let threads = Vec::new();
        let mut disk = Self { core, file, size, access, requests: Some(sender), threads };
        disk.threads = match backend {
            Backend::Uring => uring::start(disk.core.clone(), served, receiver)
                .map_err(|source| DiskError::NoUring { path: path.into(), source })?,
            Backend::Threads => threads::start(&disk.core, served, receiver).map_err(opened)?,
        };
        Ok(disk)
    }

    async fn call<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, DiskError> {
        self.core.check()?;
        let (reply, answer) = oneshot::channel();
        let exchange = pin!(async {
            if let Some(requests) = &self.requests {
                // A request that cannot be sent takes its reply with it, which ends the answer.
                let _ = requests.send(request(reply)).await;
            }
            answer.await
        });
        match select(exchange, pin!(self.core.fence.panicked())).await {
            Either::Left((Ok(result), _)) => result,
            Either::Left((Err(_), _)) => {
                self.core.fence.raise(FailReason::Panic);
                Err(self.core.failed(FailReason::Panic))
            }
            Either::Right(((), _)) => Err(self.core.failed(FailReason::Panic)),
        }
    }

    fn check_range(&self, offset: u64, length: usize) -> Result<(), DiskError> {
        check_range(&self.core.name, self.size, offset, length)
    }

    fn check_writable(&self) -> Result<(), DiskError> {
        match self.access {
            Access::ReadOnly => Err(DiskError::ReadOnly { disk: self.core.name.clone() }),
            Access::ReadWrite => Ok(()),
        }
    }

    /// Lets the serving thread panic.
    #[cfg(test)]
    pub(crate) async fn panic(&self, in_loop: bool) -> Result<(), DiskError> {
        self.call(|reply| Request::Panic { in_loop, reply }).await
    }
}

impl Disk for QueuedDisk {
    fn name(&self) -> &str {
        &self.core.name
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, offset: u64, buffer: Buffer) -> DiskFuture<'_, Buffer> {
        Box::pin(async move {
            self.check_range(offset, buffer.len())?;
            self.call(|reply| Request::Read { offset, buffer, reply }).await
        })
    }

    fn write(&self, offset: u64, data: SharedBuffer) -> DiskFuture<'_, ()> {
        Box::pin(async move {
            self.check_writable()?;
            self.check_range(offset, data.len())?;
            self.call(|reply| Request::Write { offset, data, reply }).await
        })
    }

    fn flush(&self) -> DiskFuture<'_, ()> {
        Box::pin(async move {
            self.check_writable()?;
            self.call(|reply| Request::Flush { reply }).await
        })
    }
}

impl Drop for QueuedDisk {
    fn drop(&mut self) {
        // The threads end when they have served what was sent; then the file is closed, and
        // whoever opens it next does not find it busy.
        self.requests = None;
        for thread in self.threads.drain(..) {
            // A panic was already turned into a raised fence.
            let _ = thread.join();
        }
        // Closing would do, but for a child process that is just being started: it shares the
        // open file until it runs its program. After a panic transfers may still be in flight, so
        // the lock stays as long as the leaked ring.
        if !self.core.fence.has_panicked() {
            let _ = self.file.unlock();
        }
    }
}

impl fmt::Debug for QueuedDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Disk({}, {} bytes)", self.core.name, self.size)
    }
}
