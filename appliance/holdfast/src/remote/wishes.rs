//! What the person at the terminal wants while the engine works.

use operations::Failure;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What was wished for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// Ctrl-C: the work is to stop.
    Stop,
    /// This command is to end: the terminal is gone, or the machine goes down. The work is the
    /// engine's, and needs neither.
    Leave,
}

/// Signals, from the call of [`listen`](Self::listen) on.
#[derive(Debug)]
pub(super) struct Wishes {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Wishes {
    /// To be called within a runtime.
    pub(super) fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            let next = "free some memory or open files, then try again";
            signal(kind).map_err(|error| Failure::new(error, next))
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// The next wish. May be dropped and called again without missing one.
    pub(super) async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.interrupt.recv() => Wish::Stop,
            _ = self.terminate.recv() => Wish::Leave,
            _ = self.hangup.recv() => Wish::Leave,
        }
    }
}
