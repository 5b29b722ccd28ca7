//! Disks that somebody writes and that become recovery points.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use bus::{FinishOptions, Place, ReceiveOptions, Refusal, Reply, StreamOptions};
use model::Consistency;

use super::commands::{INVALID, begin, failed};
use super::{give, planning, show};
use crate::engine::Engine;
use crate::exports::{Intake, Wanted};
use crate::jobs::Work;
use crate::protection::Of;
use crate::schedule;

/// What a volume is called that nobody named.
const VOLUME: &str = "disk";

/// What a stream is called that nobody named.
const STREAM: &str = "stream";

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

/// Begins to take in what comes out of a pipe.
pub(super) fn stream(
    engine: &Arc<Engine>,
    system: String,
    options: StreamOptions,
    stream: OwnedFd,
    end: OwnedFd,
) -> Result<Reply, Refusal> {
    for pipe in [&stream, &end] {
        if !operations::is_pipe(pipe) {
            let problem = "what was handed over is not the end of a pipe that can be read";
            return Err(Refusal::new(INVALID, problem, "hand over pipes, as `holdfast` does"));
        }
    }
    let handed = engine.keep_handed(vec![stream, end]).ok_or_else(give::too_many)?;
    let volume = options.volume.unwrap_or_else(|| STREAM.to_owned());
    let planned = engine.protection.plan().systems.iter().any(|known| known.name == system);
    let taken = begin(engine, Work::Stream { system: system.clone(), volume, handed });
    match &taken {
        Ok(_) if planned => schedule::note(engine, Of::System(&system)),
        Ok(_) => {}
        Err(_) => drop(engine.take_handed(handed)),
    }
    taken
}

/// Begins the job that makes a recovery point of what was written.
pub(super) async fn finish(
    engine: &Arc<Engine>,
    number: u64,
    options: FinishOptions,
) -> Result<Reply, Refusal> {
    let said = options.consistency.as_deref().and_then(Consistency::parse);
    let job = engine.finish_intake(number, said.unwrap_or_default()).await.map_err(failed)?;
    show::show_exports(engine);
    Ok(Reply::Object(Place::Job(job)))
}

/// Forgets what was written.
pub(super) async fn discard(engine: &Arc<Engine>, number: u64) -> Result<Reply, Refusal> {
    engine.discard_intake(number).await.map_err(failed)?;
    show::show_exports(engine);
    Ok(Reply::Done)
}
