//! Giving recovery points back: as a disk, to a path, or to a descriptor.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

use bus::{ExportOptions, Place, Refusal, RefusalKind, Reply, RestoreOptions};
use model::PointId;

use super::commands::{INVALID, begin, failed, locked};
use super::show;
use crate::engine::Engine;
use crate::jobs::Work;

/// Serves a volume as a disk on a socket.
pub(super) async fn export(
    engine: &Arc<Engine>,
    point: PointId,
    options: ExportOptions,
) -> Result<Reply, Refusal> {
    if options.listen.is_some() {
        let problem = "this engine serves on local sockets only";
        let next = "leave `listen` out, or serve it with `holdfast export --listen`";
        return Err(Refusal::new(INVALID, problem, next));
    }
    let volume = volume(engine, point, options.volume.as_deref()).await?;
    let exported = engine.export(point.to_string(), volume, options.writable).await;
    let number = exported.map_err(failed)?.number;
    show::show_exports(engine);
    Ok(Reply::Object(Place::Export(number)))
}

/// Writes a volume to a new file or, if that is really meant, over a device.
pub(super) async fn restore(
    engine: &Arc<Engine>,
    point: PointId,
    options: RestoreOptions,
) -> Result<Reply, Refusal> {
    let Some(to) = options.target.map(PathBuf::from) else {
        let next = "give `target`: a new file or a block device";
        return Err(Refusal::new(INVALID, "it is not said where to", next));
    };
    if to.exists() && !options.overwrite {
        let problem = format!("{} is there already, and would be lost", to.display());
        return Err(Refusal::new(INVALID, problem, "add `overwrite` if that is meant"));
    }
    let volume = volume(engine, point, options.volume.as_deref()).await?;
    begin(engine, Work::Restore { point: point.to_string(), volume, to })
}

/// That jobs which wait have as many descriptors as there may be.
pub(super) fn too_many() -> Refusal {
    let problem = "too many jobs wait that have been handed a file or a pipe";
    Refusal::new(RefusalKind::Busy, problem, "wait until some of them have ended, then try again")
}

/// Writes a volume to an open file, pipe or device of the caller's.
pub(super) async fn restore_to(
    engine: &Arc<Engine>,
    point: PointId,
    name: &str,
    target: OwnedFd,
) -> Result<Reply, Refusal> {
    let name = Some(name).filter(|name| !name.is_empty());
    let volume = volume(engine, point, name).await?;
    let handed = engine.keep_handed(vec![target]).ok_or_else(too_many)?;
    let taken = begin(engine, Work::Give { point: point.to_string(), volume, handed });
    if taken.is_err() {
        engine.take_handed(handed);
    }
    taken
}

/// The number of the volume with this name; of the only one if none is named.
async fn volume(
    engine: &Arc<Engine>,
    point: PointId,
    name: Option<&str>,
) -> Result<usize, Refusal> {
    let access = engine.access().ok_or_else(locked)?;
    let missing = |problem: String| Refusal::new(RefusalKind::NotFound, problem, "list them again");
    let listed = engine.pool.catalog.point(point);
    let listed = listed.ok_or_else(|| missing(format!("there is no recovery point {point}")))?;
    let opened = restore::RestorePoint::open(&access, listed).await;
    let opened = opened.map_err(|error| failed(error.into()))?;
    let volumes = &opened.description.volumes;
    match name {
        Some(name) => volumes
            .iter()
            .position(|volume| volume.name == name)
            .ok_or_else(|| missing(format!("the recovery point has no volume {name}"))),
        None if volumes.len() == 1 => Ok(0),
        None => {
            let names: Vec<&str> = volumes.iter().map(|volume| volume.name.as_str()).collect();
            let problem = format!("it has several volumes: {}", names.join(", "));
            Err(Refusal::new(INVALID, problem, "say which one"))
        }
    }
}
