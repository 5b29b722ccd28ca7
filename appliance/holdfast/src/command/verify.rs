//! `holdfast verify`: read everything, check it, heal what one disk has wrong.
//!
//! Every record of every copy is read and its checksum compared; of one copy each seal is opened,
//! and with `--deep` each record decompressed and named again. Then every recovery point's
//! manifest is walked, so that what is missing is told by the points that miss it.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use disk::Access;
use futures_executor::block_on;
use model::{Bytes, Digest, PointId, SegmentId};
use record::{Leaf, Progress, RecordError, RecordReader, TenantAccess};
use restore::RestorePoint;
use serde_json::{Value, json};
use store::Scrubbed;

use crate::access::OpenPool;
use crate::arguments::Verify;
use crate::failure::Failure;
use crate::interrupt;
use crate::output::Output;
use crate::progress::shown;

/// A recovery point that cannot be given back whole.
struct Broken {
    point: PointId,
    system: Option<String>,
}

pub(crate) fn run(arguments: &Verify, output: &Output) -> Result<(), Failure> {
    let mode = if arguments.no_heal { Access::ReadOnly } else { Access::ReadWrite };
    let pool = OpenPool::open(&arguments.pool, mode, output)?;
    let access = pool.unlock(&arguments.unlock)?;
    let (_runtime, progress) = interrupt::stoppable()?;
    let began = Instant::now();
    let mut found = block_on(pool.store.scrub_structures())?;
    progress.begin(pool.store.status().stored_bytes);
    let scrubbed = shown(output, "verify", &progress, || scrub(&access, arguments.deep, &progress));
    let scrubbed = scrubbed?;
    add(&mut found, scrubbed);
    let broken = broken_points(&pool, &access, &found.lost)?;
    block_on(pool.store.forget(&found.lost))?;
    let healed = pool.store.status().healed;
    block_on(pool.store.clone().close())?;
    let seconds = began.elapsed().as_secs_f64();
    let points = pool.catalog.points().len();
    let value = to_json(points, &found, &broken, healed, seconds);
    let text = || to_text(points, &found, &broken, healed, seconds);
    let Some(failure) = failure(&found, broken.len(), arguments.no_heal) else {
        output.result(&value, text);
        return Ok(());
    };
    output.before_failure(text);
    Err(failure.with(value))
}

/// What is wrong. Damage beside intact records, in a list of records that are all elsewhere, say,
/// is not: it stays where it is and harms no recovery point. Who does not heal cannot tell.
fn failure(found: &Scrubbed, broken: usize, no_heal: bool) -> Option<Failure> {
    if !found.lost.is_empty() || broken > 0 {
        let what =
            format!("{} records are lost, {broken} recovery points broken", found.lost.len());
        let next = "ingest these systems again: what they still have heals the store";
        return Some(Failure::new(what, next));
    }
    let what = format!("{} places are damaged and were left so", found.damaged);
    let next = "run `holdfast verify` without --no-heal";
    (no_heal && found.damaged > 0).then(|| Failure::new(what, next))
}

/// Shares the segments among as many workers as there are cores.
fn scrub(
    access: &Arc<TenantAccess>,
    deep: bool,
    progress: &Progress,
) -> Result<Scrubbed, RecordError> {
    let segments = access.store().segment_list();
    let next = AtomicUsize::new(0);
    let total = Mutex::new(Scrubbed::default());
    let work = || -> Result<(), RecordError> {
        let mut reader = RecordReader::new(access)?;
        loop {
            let Some(segment) = segments.get(next.fetch_add(1, Ordering::Relaxed)) else {
                return Ok(());
            };
            if progress.stopped() {
                return Err(RecordError::Interrupted);
            }
            let one = scrub_one(access, &mut reader, *segment, deep)?;
            progress.advance(one.bytes_read, 0);
            add(&mut total.lock().unwrap_or_else(PoisonError::into_inner), one);
        }
    };
    // One more than there are cores, to work while others wait for the disk.
    let workers = std::thread::available_parallelism().map_or(2, usize::from) + 1;
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let join = |worker: std::thread::ScopedJoinHandle<'_, Result<(), RecordError>>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().map(join).collect()
    });
    outcomes.into_iter().collect::<Result<Vec<()>, _>>()?;
    Ok(total.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn scrub_one(
    access: &Arc<TenantAccess>,
    reader: &mut RecordReader,
    segment: SegmentId,
    deep: bool,
) -> Result<Scrubbed, RecordError> {
    let scrubbing = access.store().scrub_segment(segment, |view| match deep {
        true => reader.check_digest(view),
        false => reader.check_seal(view),
    });
    Ok(block_on(scrubbing)?)
}

fn add(total: &mut Scrubbed, one: Scrubbed) {
    total.bytes_read += one.bytes_read;
    total.records += one.records;
    total.lost.extend(one.lost);
    total.damaged += one.damaged;
}

/// The points whose manifests name something that is lost or not there.
fn broken_points(
    pool: &OpenPool,
    access: &Arc<TenantAccess>,
    lost: &[Digest],
) -> Result<Vec<Broken>, Failure> {
    let lost: HashSet<Digest> = lost.iter().copied().collect();
    let mut whole_leaves = HashSet::new();
    let mut broken = Vec::new();
    for point in pool.catalog.points() {
        let opened = block_on(RestorePoint::open(access, point));
        let system = opened.as_ref().ok().map(|opened| opened.description.system.clone());
        let whole = match opened {
            Ok(opened) => block_on(is_whole(&opened, access, &lost, &mut whole_leaves))?,
            Err(_) => false,
        };
        if !whole {
            broken.push(Broken { point: point.id, system });
        }
    }
    Ok(broken)
}

async fn is_whole(
    point: &RestorePoint,
    access: &Arc<TenantAccess>,
    lost: &HashSet<Digest>,
    whole_leaves: &mut HashSet<Digest>,
) -> Result<bool, RecordError> {
    let mut reader = RecordReader::new(access)?;
    for number in 0..point.description.volumes.len() {
        let Some(mut volume) = point.volume(number) else { return Ok(false) };
        for leaf in 0..volume.leaves() {
            let Ok(digest) = volume.leaf(&mut reader, leaf).await else { return Ok(false) };
            let Some(digest) = digest.filter(|digest| !whole_leaves.contains(digest)) else {
                continue;
            };
            let Ok(found) = Leaf::read(&mut reader, &digest).await else { return Ok(false) };
            for chunk in &found.refs {
                if lost.contains(chunk) || !access.store().contains(chunk).await? {
                    return Ok(false);
                }
            }
            whole_leaves.insert(digest);
        }
    }
    Ok(true)
}

fn to_json(points: usize, found: &Scrubbed, broken: &[Broken], healed: u64, seconds: f64) -> Value {
    let broken_json = broken
        .iter()
        .map(|broken| json!({ "point": broken.point.to_string(), "system": broken.system }));
    json!({
        "points": points,
        "broken": broken_json.collect::<Vec<_>>(),
        "records": found.records,
        "bytes_read": found.bytes_read,
        "healed": healed,
        "lost": found.lost.len(),
        "damaged": found.damaged,
        "seconds": seconds,
    })
}

fn to_text(
    points: usize,
    found: &Scrubbed,
    broken: &[Broken],
    healed: u64,
    seconds: f64,
) -> String {
    let rate = Bytes((found.bytes_read as f64 / seconds.max(0.001)) as u64);
    let mut text = format!(
        "{points} recovery points, {} records: {} read in {seconds:.1} s, {rate}/s\n\
         {healed} copies healed, {} records lost, {} places damaged and not healed",
        found.records,
        Bytes(found.bytes_read),
        found.lost.len(),
        found.damaged,
    );
    for broken in broken {
        let system = broken.system.as_deref().unwrap_or("unknown system");
        text.push_str(&format!("\nbroken: {} of {system}", broken.point));
    }
    text
}
