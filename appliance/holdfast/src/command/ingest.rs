//! `holdfast ingest`: take a disk in as a recovery point.

use disk::Access;
use model::Consistency;
use operations::{Failure, Ingest, Ingested, OpenPool};

use crate::access::{close, open, unlock};
use crate::arguments::{self, Compression};
use crate::command::stream;
use crate::interrupt;
use crate::output::{Output, peak_memory};
use crate::progress::shown;
use crate::remote;

pub(crate) fn run(arguments: &arguments::Ingest, output: &Output) -> Result<(), Failure> {
    if arguments.stream {
        return stream::run(arguments, output);
    }
    if let Some(engine) = remote::reach(&arguments.pool)? {
        return remote::ingest(&engine, arguments, output);
    }
    let Some(source) = &arguments.source else {
        let next = "name the image, device or NBD server to take in";
        return Err(Failure::new("there is no source", next));
    };
    let ingest = wanted(arguments, source);
    let source = ingest.open_source(&arguments.pool.disks)?;
    let pool: OpenPool = open(&arguments.pool, Access::ReadWrite, output)?;
    let access = unlock(&pool, &arguments.unlock)?;
    let (_runtime, progress) = interrupt::stoppable()?;
    let ingested = shown(output, "ingest", &progress, || {
        ingest.run(&pool, &access, source.as_ref(), &progress)
    });
    // What was stored stays also when the ingest failed: the next one is shorter.
    let closed = close(&pool, output);
    told(&ingested?, output);
    closed
}

/// Tells what came of it.
pub(crate) fn told(ingested: &Ingested, output: &Output) {
    let peak = peak_memory();
    let mut value = ingested.json();
    value["peak_memory_bytes"] = peak.into();
    output.result(&value, || {
        let peak = model::Bytes(peak.unwrap_or(0));
        format!("{}, {peak} of memory at most", ingested.text())
    });
    if let Some(warning) = ingested.warning() {
        output.note(&warning);
    }
}

/// What was asked for.
pub(crate) fn wanted(arguments: &arguments::Ingest, source: &str) -> Ingest {
    Ingest {
        source: source.to_owned(),
        system: arguments.system.clone(),
        volume: arguments.volume.clone(),
        parent: arguments.parent.clone(),
        no_parent: arguments.no_parent,
        hint: None,
        point: None,
        consistency: Consistency::Unknown,
        compression: match arguments.compression {
            Compression::Auto => ingest::Compression::Auto,
            Compression::Lz4 => ingest::Compression::Lz4,
            Compression::Zstd => ingest::Compression::Zstd,
        },
        workers: arguments.workers.map(usize::from),
    }
}
