//! Disks that somebody writes and that become recovery points.

use std::sync::Arc;

use bus::{Place, ReceiveOptions, Refusal, Reply};

use super::commands::failed;
use super::{planning, show};
use crate::engine::Engine;
use crate::exports::{Intake, Wanted};

/// What a volume is called that nobody named.
const VOLUME: &str = "disk";

/// Serves a disk that a volume of a system is to be written to.
pub(super) async fn receive(
    engine: &Arc<Engine>,
    id: &str,
    options: ReceiveOptions,
) -> Result<Reply, Refusal> {
    let intake = Intake {
        system: planning::named(engine, id)?,
        volume: options.volume.unwrap_or_else(|| VOLUME.to_owned()),
        bytes: options.bytes.unwrap_or(0),
        explicit: options.explicit,
        finished: false,
    };
    let wanted = Wanted { intake, incremental: options.incremental };
    let number = engine.receive(wanted).await.map_err(failed)?.number;
    show::show_exports(engine);
    Ok(Reply::Object(Place::Intake(number)))
}

/// Begins the job that makes a recovery point of what was written.
pub(super) async fn finish(engine: &Arc<Engine>, number: u64) -> Result<Reply, Refusal> {
    let job = engine.finish_intake(number).await.map_err(failed)?;
    show::show_exports(engine);
    Ok(Reply::Object(Place::Job(job)))
}

/// Forgets what was written.
pub(super) async fn discard(engine: &Arc<Engine>, number: u64) -> Result<Reply, Refusal> {
    engine.discard_intake(number).await.map_err(failed)?;
    show::show_exports(engine);
    Ok(Reply::Done)
}
