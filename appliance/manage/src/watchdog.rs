//! Tells the service manager that the daemon lives, as long as each loop that accepts goes round.
//! Whether the engine answers is not its concern: without one the portal says so.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::{mpsc, oneshot};

/// How often it is asked when no service manager wants a sign of life.
const UNWATCHED: Duration = Duration::from_secs(30);

/// Asks again and again; tells the service manager each time that all have answered.
pub(crate) async fn feed(beats: Vec<mpsc::Sender<oneshot::Sender<()>>>) {
    let pause = sd_notify::watchdog_enabled().map_or(UNWATCHED, |within| within / 3);
    loop {
        for beat in &beats {
            let (ask, answer) = oneshot::channel();
            if beat.send(ask).await.is_err() || answer.await.is_err() {
                return;
            }
        }
        let _ = sd_notify::notify(&[NotifyState::Watchdog]);
        tokio::time::sleep(pause).await;
    }
}
