//! Ctrl-C and the service manager's wish to end: long work stops at a safe place.

use std::sync::Arc;

use record::Progress;
use tokio::signal::unix::{SignalKind, signal};

use operations::Failure;

/// A runtime for what waits: signals and sockets.
pub(crate) fn runtime(threads: usize) -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(error, "free some memory or threads, then try again"))
}

/// Ends when somebody asks this process to end, from the call on: before it such a wish ends the
/// process at once. To be called within a runtime.
pub(crate) fn requested() -> impl Future<Output = ()> {
    let mut signals = Vec::new();
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        // A process that may not handle signals is ended by them.
        signals.extend(signal(kind).ok());
    }
    std::future::poll_fn(move |cx| {
        let ended = signals.iter_mut().any(|signal| signal.poll_recv(cx).is_ready());
        if ended { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
}

/// Progress of a work that stops when this process is asked to end. The runtime must be kept
/// while the work runs.
pub(crate) fn stoppable() -> Result<(tokio::runtime::Runtime, Arc<Progress>), Failure> {
    let runtime = runtime(1)?;
    let progress = Arc::new(Progress::default());
    let stopping = progress.clone();
    let entered = runtime.enter();
    let requested = requested();
    drop(entered);
    runtime.spawn(async move {
        requested.await;
        stopping.stop();
    });
    Ok((runtime, progress))
}
