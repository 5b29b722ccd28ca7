//! `holdfast ingest`, by the engine: what its plan says of a system, or a source that is named.

use std::path::Path;

use bus::{IngestOptions, Place, RunOptions};
use operations::Failure;

use super::engine::Engine;
use super::job;
use crate::arguments::{Compression, Ingest};
use crate::output::Output;

/// What the volume of a source is called that nobody has given a name.
const VOLUME: &str = "disk";

pub(crate) fn run(engine: &Engine, arguments: &Ingest, output: &Output) -> Result<(), Failure> {
    refuse_own_choices(arguments)?;
    let (client, no_wait) = (engine.client(), arguments.waiting.no_wait);
    let Some(source) = &arguments.source else {
        let system = engine.seen()?.system(&arguments.system)?.id.clone();
        let options = RunOptions { full: arguments.no_parent, comment: None };
        let (place, options) = (Place::System(system), (options.arguments(),));
        let begin = client.begin(&place, "RunNow", &options);
        return job::run_and_tell(engine, no_wait, output, begin);
    };
    let source = absolute(source)?;
    let volume = Some(arguments.volume.clone()).filter(|volume| volume != VOLUME);
    let options = IngestOptions { volume, full: arguments.no_parent };
    let body = (arguments.system.as_str(), source.as_str(), options.arguments());
    job::run_and_tell(engine, no_wait, output, client.begin(&Place::Pool, "Ingest", &body))
}

/// Refuses what the engine decides by itself.
pub(super) fn refuse_own_choices(arguments: &Ingest) -> Result<(), Failure> {
    let chosen = [
        ("--compression", arguments.compression != Compression::Auto),
        ("--workers", arguments.workers.is_some()),
        ("--parent", arguments.parent.is_some()),
    ];
    match chosen.iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((option, _)) => {
            Err(Failure::new(format!("the engine chooses {option} itself"), "leave it out"))
        }
    }
}

/// A source as the engine, which works in another folder, finds it.
fn absolute(source: &str) -> Result<String, Failure> {
    if source.starts_with("nbd") && source.contains(':') {
        return Ok(source.to_owned());
    }
    let path = Path::new(source);
    let whole = std::fs::canonicalize(path).map_err(|error| Failure::file(path, &error))?;
    whole.into_os_string().into_string().map_err(|name| {
        let what = format!("{} is no UTF-8", name.display());
        Failure::new(what, "give it another name")
    })
}
