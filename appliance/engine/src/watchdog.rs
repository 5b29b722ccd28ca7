//! Tells the service manager that the engine lives, as long as all of it answers.
//!
//! A daemon that only has a timer lives for ever, whatever hangs in it. Here every disk in service
//! has to answer a small read, the state's file a query, and the conductor of jobs has to come
//! round, before one sign of life is given. If they do not, the service manager ends the engine
//! and starts it again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sd_notify::NotifyState;

use crate::engine::Engine;

/// How often everything is asked when no service manager wants a sign of life.
const UNWATCHED: Duration = Duration::from_secs(30);

/// Asks all parts again and again; tells the service manager each time that all answered.
pub(crate) async fn feed(engine: Arc<Engine>) {
    let pause = sd_notify::watchdog_enabled().map_or(UNWATCHED, |within| within / 3);
    loop {
        let began = Instant::now();
        if all_answer(&engine).await {
            let took = began.elapsed().as_micros();
            engine.answered.store(u64::try_from(took).unwrap_or(u64::MAX), Ordering::Relaxed);
            // Without a service manager nobody listens.
            let _ = sd_notify::notify(&[NotifyState::Watchdog]);
        }
        tokio::time::sleep(pause).await;
    }
}

/// True once the disks, the state and the conductor have answered; it waits for them.
async fn all_answer(engine: &Arc<Engine>) -> bool {
    let beat = engine.beat();
    let asked = engine.clone();
    let state = tokio::task::spawn_blocking(move || asked.state.answers()).await;
    engine.pool.store.pulse().await;
    beat.await;
    matches!(state, Ok(true))
}
