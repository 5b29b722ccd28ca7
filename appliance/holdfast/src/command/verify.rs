//! `holdfast verify`: read everything, check it, heal what one disk has wrong.
//!
//! Every record of every copy is read and its checksum compared; of one copy each seal is opened,
//! and with `--deep` each record decompressed and named again. Then every recovery point's
//! manifest is walked, so that what is missing is told by the points that miss it; with `--deep`
//! all blocks are tagged again, too, and compared with what the manifest says.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use disk::Access;
use futures_executor::block_on;
use model::{Bytes, SegmentId};
use record::{Progress, RecordError, RecordReader, TenantAccess};
use restore::{Broken, Depth, broken_points};
use serde_json::{Value, json};
use store::Scrubbed;

use crate::access::OpenPool;
use crate::arguments::Verify;
use crate::checked::{add, broken_json, broken_text, loss};
use crate::failure::Failure;
use crate::interrupt;
use crate::output::Output;
use crate::progress::shown;

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
    let points = pool.catalog.points();
    let depth = if arguments.deep { Depth::Tags } else { Depth::Records };
    let broken = block_on(broken_points(&access, points, &found.lost, depth, &progress))?;
    block_on(pool.store.forget(&found.lost))?;
    let healed = pool.store.status().healed;
    pool.close()?;
    pool.tell_failed_disks(output);
    let seconds = began.elapsed().as_secs_f64();
    let points = pool.catalog.points().len();
    let value = to_json(points, &found, &broken, healed, seconds);
    let text = || to_text(points, &found, &broken, healed, seconds);
    let Some(failure) = failure(&found, &broken, arguments.no_heal) else {
        output.result(&value, text);
        return Ok(());
    };
    output.before_failure(text);
    Err(failure.with(value))
}

/// What is wrong. Damage beside intact records, in a list of records that are all elsewhere, say,
/// is not: it stays where it is and harms no recovery point. Who does not heal cannot tell.
fn failure(found: &Scrubbed, broken: &[Broken], no_heal: bool) -> Option<Failure> {
    if let Some(failure) = loss(found.lost.len() as u64, broken) {
        return Some(failure);
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

fn to_json(points: usize, found: &Scrubbed, broken: &[Broken], healed: u64, seconds: f64) -> Value {
    json!({
        "points": points,
        "broken": broken_json(broken),
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
    text.push_str(&broken_text(broken));
    text
}
