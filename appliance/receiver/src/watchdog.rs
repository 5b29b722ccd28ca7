//! Tells the service manager that the receiver lives, as long as the loop that accepts goes round
//! and the bus answers. A connection to the bus that is lost does not come back: the service
//! manager starts the receiver again.

use std::sync::Arc;
use std::time::Duration;

use receiver::Engine;
use sd_notify::NotifyState;
use tokio::sync::{mpsc, oneshot};

/// How often it is asked when no service manager wants a sign of life.
const UNWATCHED: Duration = Duration::from_secs(30);

/// Asks again and again; tells the service manager each time that there was an answer.
pub(crate) async fn feed(beat: mpsc::Sender<oneshot::Sender<()>>, engine: Arc<Engine>) {
    let pause = sd_notify::watchdog_enabled().map_or(UNWATCHED, |within| within / 3);
    loop {
        let (ask, answer) = oneshot::channel();
        if beat.send(ask).await.is_err() || answer.await.is_err() {
            return;
        }
        if engine.is_reachable().await {
            let _ = sd_notify::notify(&[NotifyState::Watchdog]);
        }
        tokio::time::sleep(pause).await;
    }
}
