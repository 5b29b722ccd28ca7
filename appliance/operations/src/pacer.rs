//! Real time for work that rests now and then. Who is asked to end rests no more.

use std::time::{Duration, Instant};

use record::Progress;
use store::{Pacer, PacerFuture};
use tokio::runtime::Handle;

/// Longest time until a rest notices that the work is to end.
const LOOK: Duration = Duration::from_millis(100);

/// Time by a runtime.
#[derive(Debug)]
pub struct TokioPacer<'a> {
    handle: Handle,
    began: Instant,
    progress: &'a Progress,
}

impl<'a> TokioPacer<'a> {
    /// Rests on the runtime's timers as long as nobody wants the work to stop.
    pub fn new(handle: Handle, progress: &'a Progress) -> Self {
        Self { handle, began: Instant::now(), progress }
    }

    /// Rests for a part of a rest.
    fn nap(&self, time: Duration) -> tokio::time::Sleep {
        let _entered = self.handle.enter();
        tokio::time::sleep(time)
    }
}

impl Pacer for TokioPacer<'_> {
    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn sleep(&self, time: Duration) -> PacerFuture<'_> {
        Box::pin(async move {
            let ends = self.now().saturating_add(time);
            while !self.progress.stopped() {
                let left = ends.saturating_sub(self.now());
                if left.is_zero() {
                    return;
                }
                self.nap(left.min(LOOK)).await;
            }
        })
    }
}
