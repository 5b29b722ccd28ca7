//! Service of a disk by one thread with one io_uring.
//!
//! tokio-uring is not `Send`, panics when a submission fails, and frees the buffers of operations
//! that are still in flight when its runtime is dropped. So: the ring has twice as many entries as
//! there can be requests in flight, which makes submissions into a full ring impossible; the
//! runtime is dropped only after everything in flight has ended; and after a panic, when that is
//! not certain, it is leaked together with the buffers in flight. The disk is out of service then.

mod buffers;
mod fixed;
mod transfer;

use std::cell::Cell;
use std::fs;
use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{Semaphore, mpsc};
use tokio_uring::Runtime;

use self::transfer::Ring;
use crate::FailReason;
use crate::queue::{Core, QUEUE_DEPTH, Request};

/// Submission entries; see the head of this file.
const RING_ENTRIES: u32 = 2 * QUEUE_DEPTH as u32;

/// How long submissions that the kernel refused for want of memory wait for their next try, if
/// nothing else wakes the thread. tokio-uring submits when its thread goes to sleep, and ignores
/// errors there.
const RESUBMIT_INTERVAL: Duration = Duration::from_secs(1);

/// Starts the thread. It ends when all senders of `requests` are gone and all requests answered.
///
/// # Errors
/// When the kernel gives no ring.
pub(crate) fn start(
    core: Arc<Core>,
    file: fs::File,
    requests: mpsc::Receiver<Request>,
) -> io::Result<Vec<JoinHandle<()>>> {
    let (ready, started) = std::sync::mpsc::sync_channel(1);
    let run = move || {
        // A panic before the ring is ready drops `ready`, one later is caught within.
        let _ = catch_unwind(AssertUnwindSafe(|| run(&core, file, requests, &ready)));
    };
    let thread = thread::Builder::new().name("disk-uring".into()).spawn(run)?;
    started.recv().unwrap_or_else(|_| Err(io::Error::other("the disk's thread did not start")))?;
    Ok(vec![thread])
}

fn run(
    core: &Arc<Core>,
    file: fs::File,
    requests: mpsc::Receiver<Request>,
    ready: &SyncSender<io::Result<()>>,
) {
    let runtime = match Runtime::new(tokio_uring::builder().entries(RING_ENTRIES)) {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    let _ = ready.send(Ok(()));
    let clean = Rc::new(Cell::new(true));
    let serve = serve(core, file, requests, clean.clone());
    let served = catch_unwind(AssertUnwindSafe(|| runtime.block_on(serve)));
    if served.is_err() || !clean.get() {
        mem::forget(runtime);
        core.fence.raise(FailReason::Panic);
    }
}

async fn serve(
    core: &Arc<Core>,
    file: fs::File,
    mut requests: mpsc::Receiver<Request>,
    clean: Rc<Cell<bool>>,
) {
    let ring = Rc::new(Ring::new(core.clone(), file));
    let slots = Arc::new(Semaphore::new(QUEUE_DEPTH));
    let pulse = tokio_uring::spawn(wake_now_and_then());
    while let Some(request) = requests.recv().await {
        #[cfg(test)]
        assert!(!matches!(request, Request::Panic { in_loop: true, .. }), "asked for by a test");
        let Ok(slot) = slots.clone().acquire_owned().await else { break };
        let (ring, core, clean) = (ring.clone(), core.clone(), clean.clone());
        tokio_uring::spawn(async move {
            let _slot = slot;
            if AssertUnwindSafe(ring.serve(request)).catch_unwind().await.is_err() {
                clean.set(false);
                core.fence.raise(FailReason::Panic);
            }
        });
    }
    // All slots free: nothing is in flight.
    let _ = slots.acquire_many(QUEUE_DEPTH as u32).await;
    pulse.abort();
}

async fn wake_now_and_then() {
    loop {
        tokio::time::sleep(RESUBMIT_INTERVAL).await;
    }
}
