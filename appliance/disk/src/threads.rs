//! Service of a disk by a few threads with blocking calls.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc;

use crate::queue::{Core, Request};
use crate::{Buffer, DiskError, FailReason, Operation, SharedBuffer};

/// Threads for each disk, hence transfers in flight: keeps a rotating drive busy and a solid one
/// nearly so; more would cost stacks and switches.
const THREADS: usize = 8;

/// Starts the threads. They end when all senders of `requests` are gone.
pub(crate) fn start(
    core: &Arc<Core>,
    file: File,
    requests: mpsc::Receiver<Request>,
) -> io::Result<Vec<JoinHandle<()>>> {
    let server = Arc::new(Server {
        core: core.clone(),
        file,
        flushing: Mutex::new(()),
        requests: Mutex::new(requests),
    });
    let spawn = |_| {
        let server = server.clone();
        thread::Builder::new().name("disk-threads".into()).spawn(move || server.run())
    };
    (0..THREADS).map(spawn).collect()
}

struct Server {
    core: Arc<Core>,
    file: File,
    /// Held during a flush. The kernel reports a lost write to one flush only; one that ran beside
    /// it would succeed and be believed.
    flushing: Mutex<()>,
    requests: Mutex<mpsc::Receiver<Request>>,
}

impl Server {
    fn run(&self) {
        while let Some(request) = self.next() {
            if catch_unwind(AssertUnwindSafe(|| self.serve(request))).is_err() {
                self.core.fence.raise(FailReason::Panic);
            }
        }
    }

    fn next(&self) -> Option<Request> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv()
    }

    /// Answers one request. Who asked may no longer listen.
    fn serve(&self, request: Request) {
        match request {
            Request::Read { offset, buffer, reply } => {
                let _ = reply.send(self.read(offset, buffer));
            }
            Request::Write { offset, data, reply } => {
                let _ = reply.send(self.write(offset, &data));
            }
            Request::Flush { reply } => {
                let _ = reply.send(self.flush());
            }
            #[cfg(test)]
            Request::Panic { reply: _reply, .. } => panic!("asked for by a test"),
        }
    }

    fn read(&self, offset: u64, mut buffer: Buffer) -> Result<Buffer, DiskError> {
        self.core.check()?;
        match self.file.read_exact_at(&mut buffer, offset) {
            Ok(()) => Ok(buffer),
            Err(source) => Err(self.core.io_error(Operation::Read, offset, buffer.len(), source)),
        }
    }

    fn write(&self, offset: u64, data: &SharedBuffer) -> Result<(), DiskError> {
        self.core.check()?;
        let written = self.file.write_all_at(data, offset);
        written.map_err(|source| self.core.io_error(Operation::Write, offset, data.len(), source))
    }

    fn flush(&self) -> Result<(), DiskError> {
        let _flushing = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        self.core.check()?;
        self.file.sync_data().map_err(|source| {
            self.core.fence.raise(FailReason::Flush);
            self.core.io_error(Operation::Flush, 0, 0, source)
        })
    }
}
