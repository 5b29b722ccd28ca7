//! `holdfast ingest`: take a disk in as a recovery point.

use std::path::Path;
use std::time::Instant;

use disk::Access;
use ingest::{Ingest, Options, Parent, Report, Source};
use model::{Bytes, PointId};
use record::{SignalDescription, SignalKind, TenantAccess};
use serde_json::json;

use crate::access::{OpenPool, fill_random, is_same, now};
use crate::arguments::{self, Compression};
use crate::failure::{Failure, MAKE_ROOM};
use crate::interrupt;
use crate::output::{Output, peak_memory};
use crate::progress::shown;
use crate::uptime::uptime;

/// Recovery points of a system that tell what the next one adds, at most.
const LATELY: usize = 3;

pub(crate) fn run(arguments: &arguments::Ingest, output: &Output) -> Result<(), Failure> {
    let source = open_source(arguments)?;
    let pool = OpenPool::open(&arguments.pool, Access::ReadWrite, output)?;
    if !pool.keyring.has_proved_kit() {
        return Err(Failure::new(
            "no recovery kit has been proved, so a lost passphrase would lose everything",
            "run `holdfast kit prove` with the kit that `pool create` wrote",
        ));
    }
    let access = pool.unlock(&arguments.unlock)?;
    check_room(&pool, &access, &arguments.system)?;
    let parent = match &arguments.parent {
        _ if arguments.no_parent => Parent::None,
        Some(typed) => Parent::Point(pool.find(access.tenant(), typed)?),
        None => Parent::Newest,
    };
    let (_runtime, progress) = interrupt::stoppable()?;
    let began = Instant::now();
    let ingest = Ingest {
        access: &access,
        catalog: &pool.catalog,
        source: source.as_ref(),
        options: options(arguments, parent),
        progress: &progress,
    };
    let report = shown(output, "ingest", &progress, || ingest.run());
    // What was stored stays also when the ingest failed: the next one is shorter.
    let closed = pool.close();
    let report = report?;
    closed?;
    let failed = pool.tell_failed_disks(output);
    print(&report, &failed, began.elapsed().as_secs_f64(), output);
    if let Some(warning) = warning(&report.signals) {
        output.note(&warning);
    }
    Ok(())
}

/// One line about what is unusual, with the next step; `None` when nothing is.
fn warning(signals: &[SignalDescription]) -> Option<String> {
    let told = signals.iter().map(|signal| {
        let (what, shown): (_, fn(u64) -> String) = match signal.signal {
            SignalKind::Change => ("changed", |bytes| Bytes(bytes).to_string()),
            SignalKind::Dense => ("of what changed does not compress", |part| format!("{part} %")),
        };
        let value = shown(signal.value);
        match (signal.usual, signal.factor) {
            (Some(usual), Some(factor)) => {
                format!("{value} {what}, {factor} times the usual {}", shown(usual))
            }
            _ => format!("{value} {what}"),
        }
    });
    let told: Vec<String> = told.collect();
    (!told.is_empty()).then(|| {
        format!(
            "this looks as if the system had been encrypted: {}; look at the system before older \
             recovery points go, and restore one of those if it was",
            told.join(", ")
        )
    })
}

/// Refuses to begin what cannot end: the pool has no room for even the least that this system's
/// recovery points added lately. What was there before stays as it is.
fn check_room(pool: &OpenPool, access: &TenantAccess, system: &str) -> Result<(), Failure> {
    let id = ingest::system_id(access, system);
    let points = pool.catalog.points();
    let own = points.iter().filter(|p| p.tenant == access.tenant() && p.system == id);
    let free = pool.store.status().free_bytes;
    let lately = own.skip(1).map(|point| point.added_bytes).collect::<Vec<_>>();
    match lately.iter().rev().take(LATELY).min() {
        Some(least) if *least > free => {
            let (least, free) = (Bytes(*least), Bytes(free));
            let what = format!(
                "the pool is full: {free} are free, and recovery points of {system} add {least} \
                 or more"
            );
            Err(Failure::new(what, MAKE_ROOM))
        }
        _ => Ok(()),
    }
}

/// Opens what was named, unless it is nothing that anybody would want back.
fn open_source(arguments: &arguments::Ingest) -> Result<Box<dyn Source>, Failure> {
    let named = &arguments.source;
    if arguments.pool.disks.iter().any(|disk| is_same(disk, Path::new(named))) {
        let next = "name the image or device of the system to protect";
        return Err(Failure::new(format!("{named} is a disk of this pool"), next));
    }
    let source = ingest::open_source(named)?;
    if source.size() == 0 {
        let next = "check that it is the right one and was copied whole";
        return Err(Failure::new(format!("{named} is empty"), next));
    }
    Ok(source)
}

fn options(arguments: &arguments::Ingest, parent: Parent) -> Options {
    let cores = std::thread::available_parallelism().map_or(2, usize::from).min(7) + 1;
    let mut point = PointId::default();
    fill_random(&mut point.0);
    Options {
        system: arguments.system.clone(),
        volume: arguments.volume.clone(),
        compression: match arguments.compression {
            Compression::Auto => ingest::Compression::Auto,
            Compression::Lz4 => ingest::Compression::Lz4,
            Compression::Zstd => ingest::Compression::Zstd,
        },
        workers: arguments.workers.map_or(cores, usize::from),
        parent,
        point,
        now: now(),
        uptime: uptime(),
    }
}

fn print(report: &Report, failed: &[String], seconds: f64, output: &Output) {
    let point = &report.point;
    let value = json!({
        "point": point.id.to_string(),
        "parent": report.parent.map(|parent| parent.to_string()),
        "bytes_logical": point.logical_bytes,
        "bytes_read": report.data_bytes,
        "bytes_new": report.new_bytes,
        "chunks_new": report.new_chunks,
        "bytes_added": point.added_bytes,
        "bytes_changed": point.changed_bytes,
        "bytes_dense": point.dense_bytes,
        "signals": report.signals,
        "failed_disks": failed,
        "seconds": seconds,
        "peak_memory_bytes": peak_memory(),
    });
    output.result(&value, || {
        let rate = report.data_bytes as f64 / seconds.max(0.001);
        format!(
            "recovery point {}\n{} of data read, {} new, {} added to the store\n\
             {seconds:.1} s, {}/s, {} of memory at most",
            point.id,
            Bytes(report.data_bytes),
            Bytes(report.new_bytes),
            Bytes(point.added_bytes),
            Bytes(rate as u64),
            Bytes(peak_memory().unwrap_or(0)),
        )
    });
}
