//! How everything that a server runs learns that it is to end.

use tokio::sync::watch;

/// Held by the server. When it is dropped, that too means to end.
#[derive(Debug)]
pub(crate) struct StopSwitch(watch::Sender<bool>);

/// Held by whatever has to end.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl StopSwitch {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    pub(crate) fn subscribe(&self) -> Stop {
        Stop(self.0.subscribe())
    }

    pub(crate) fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Returns once it is time to end, also when that was long ago.
    pub(crate) async fn wait(&mut self) {
        // An error means that the switch is gone.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}
