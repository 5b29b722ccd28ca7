//! A simulated disk whose requests take their time, so that tasks on one thread meet.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use disk::sim::SimRng;
use disk::{Buffer, Disk, DiskFuture, SharedBuffer};

/// Times that a future may be polled: none of these tests waits for anything but itself, so who
/// needs more waits for ever.
const MOST_POLLS: usize = 1_000_000;

/// Runs a future to its end.
///
/// # Panics
/// When it never ends.
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..MOST_POLLS {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    panic!("deadlock");
}

/// Whether the disks of a machine take their time.
#[derive(Debug, Clone, Default)]
pub(super) struct Pace {
    slow: Arc<AtomicBool>,
}

impl Pace {
    /// Requests of disks at this pace are done some polls after they were made, or at once.
    pub(super) fn set(&self, slow: bool) {
        self.slow.store(slow, Ordering::Relaxed);
    }
}

/// A disk whose requests are delayed by a random number of polls.
#[derive(Debug)]
pub(super) struct PacedDisk {
    disk: Arc<dyn Disk>,
    pace: Pace,
    rng: Mutex<SimRng>,
}

impl PacedDisk {
    pub(super) fn over(disk: Arc<dyn Disk>, pace: &Pace, seed: u64) -> Arc<dyn Disk> {
        Arc::new(Self { disk, pace: pace.clone(), rng: Mutex::new(SimRng::new(seed)) })
    }

    async fn delay(&self) {
        if !self.pace.slow.load(Ordering::Relaxed) {
            return;
        }
        let polls = self.rng.lock().unwrap().below(4);
        pause(polls).await;
    }
}

/// Is done some polls later.
pub(super) async fn pause(mut polls: u64) {
    std::future::poll_fn(|context| {
        if polls == 0 {
            return Poll::Ready(());
        }
        polls -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Disk for PacedDisk {
    fn name(&self) -> &str {
        self.disk.name()
    }

    fn size(&self) -> u64 {
        self.disk.size()
    }

    fn read(&self, offset: u64, buffer: Buffer) -> DiskFuture<'_, Buffer> {
        Box::pin(async move {
            self.delay().await;
            self.disk.read(offset, buffer).await
        })
    }

    fn write(&self, offset: u64, data: SharedBuffer) -> DiskFuture<'_, ()> {
        Box::pin(async move {
            self.delay().await;
            let result = self.disk.write(offset, data).await;
            self.delay().await;
            result
        })
    }

    fn flush(&self) -> DiskFuture<'_, ()> {
        Box::pin(async move {
            self.delay().await;
            let result = self.disk.flush().await;
            self.delay().await;
            result
        })
    }
}
