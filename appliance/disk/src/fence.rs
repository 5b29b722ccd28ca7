//! The end of a disk's service, seen by everyone who uses it.

use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use tokio::sync::Notify;

use crate::FailReason;
use crate::sync::AtomicBool;

/// Raised once, with a reason, and never lowered.
#[derive(Default)]
pub(crate) struct Fence {
    reason: OnceLock<FailReason>,
    panicked: AtomicBool,
    panic: Notify,
}

impl Fence {
    /// Ends the service. The first reason stays.
    pub(crate) fn raise(&self, reason: FailReason) {
        let _ = self.reason.set(reason);
        if reason == FailReason::Panic {
            self.panicked.store(true, Ordering::Release);
            self.panic.notify_waiters();
        }
    }

    pub(crate) fn reason(&self) -> Option<FailReason> {
        self.reason.get().copied()
    }

    pub(crate) fn has_panicked(&self) -> bool {
        self.panicked.load(Ordering::Acquire)
    }

    /// Waits for a panic: the one reason after which requests may stay unanswered for ever.
    pub(crate) async fn panicked(&self) {
        loop {
            // Made before the look at the flag, so that a panic in between wakes it.
            let panic = self.panic.notified();
            if self.has_panicked() {
                return;
            }
            panic.await;
        }
    }
}
