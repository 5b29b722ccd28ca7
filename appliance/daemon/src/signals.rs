//! Signals that ask a process to end: from the service manager, a terminal, or one that closes.

use std::io::Result;

use tokio::signal::unix::{SignalKind, signal};

/// Ends when somebody asks this process to end. From the call on, no such signal ends it by itself.
/// To be called on a tokio runtime.
pub fn stopped() -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}
