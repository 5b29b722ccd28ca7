//! `holdfast reclaim`: give back the room of what no recovery point needs.
//!
//! What is needed in segments with little left moves to others; those segments are retired, and
//! their room is used again when that was long enough ago. If the manifest of any recovery point
//! cannot be read, nothing is taken away. The newest recovery point of each system is kept in
//! reading order on the way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use catalog::{Listed, Point};
use disk::Access;
use futures_executor::block_on;
use model::{Bytes, Digest};
use record::{Progress, RecordMover, TenantAccess};
use serde_json::{Value, json};
use store::{
    Arranged, Locality, Marked, PoolStatus, ReclaimOptions, ReclaimPlan, Reclaimed, Reclaiming,
    StoreError,
};

use crate::access::OpenPool;
use crate::arguments::Reclaim;
use crate::failure::Failure;
use crate::interrupt;
use crate::names::SystemNames;
use crate::output::Output;
use crate::progress::shown;

/// What to do when it could not empty all that it wanted to.
const SHORT_OF_ROOM: &str = "it stopped for lack of room to move more: run it again once what it \
    retired is released (see --release-after)";

/// What was found and done.
struct Outcome {
    marked: Marked,
    plan: ReclaimPlan,
    newest: Vec<Newest>,
    done: Option<Reclaimed>,
    released: u64,
}

/// The newest recovery point of a system, and how it can be read.
struct Newest {
    point: Point,
    system: Option<String>,
    before: Locality,
    /// When nothing has moved yet, what is expected.
    after: Locality,
}

pub(crate) fn run(arguments: &Reclaim, output: &Output) -> Result<(), Failure> {
    let mode = if arguments.dry_run { Access::ReadOnly } else { Access::ReadWrite };
    let pool = OpenPool::open(&arguments.pool, mode, output)?;
    let (_runtime, progress) = interrupt::stoppable()?;
    let began = Instant::now();
    let outcome = shown(output, "reclaim", &progress, || reclaim(&pool, arguments, &progress));
    let outcome = outcome?;
    let status = pool.store.status();
    pool.tell_failed_disks(output);
    if !arguments.dry_run {
        pool.commit(Vec::new())?;
    }
    let seconds = began.elapsed().as_secs_f64();
    let value = to_json(&outcome, &status, arguments.dry_run, seconds);
    output.result(&value, || to_text(&outcome, &status));
    Ok(())
}

fn reclaim(pool: &OpenPool, arguments: &Reclaim, progress: &Progress) -> Result<Outcome, Failure> {
    let access = pool.unlock(&arguments.unlock)?;
    let options = ReclaimOptions {
        least_dead_percent: u32::from(arguments.least_dead),
        most_moved_bytes: arguments.most.unwrap_or(u64::MAX),
        age: pool.age(),
    };
    let mut released = 0;
    if !arguments.dry_run {
        let before = options.age.checked_sub(arguments.release_after.0);
        released += before.map_or(Ok(0), |before| block_on(pool.store.release_retired(before)))?;
    }
    let mut go_on = |reclaiming: Reclaiming| {
        progress.show(&reclaiming);
        !progress.stopped()
    };
    let mut mover = RecordMover::new(std::slice::from_ref(&access))?;
    let (mut reclaim, mut newest) = judge(pool, &access, &options, &mut go_on)?;
    if arguments.recompress {
        block_on(reclaim.squeeze(&options, &mut mover, &mut go_on))?;
    }
    let (marked, plan) = (reclaim.marked(), reclaim.plan(&options));
    if arguments.dry_run {
        return Ok(Outcome { marked, plan, newest, done: None, released });
    }
    let done = block_on(reclaim.run(&options, &mut mover, &mut go_on)).map_err(no_room)?;
    for newest in newest.iter_mut().filter(|_| done.moved_records > 0) {
        let mut go_on = || !progress.stopped();
        newest.after = block_on(pool.store.locality(newest.point.record, &mut go_on))?;
    }
    if arguments.release_after.0 == 0 {
        released += block_on(pool.store.release_retired(options.age))?;
    }
    Ok(Outcome { marked, plan, newest, done: Some(done), released })
}

/// Marks what is needed, and looks how the newest points lie.
fn judge(
    pool: &OpenPool,
    access: &Arc<TenantAccess>,
    options: &ReclaimOptions,
    go_on: &mut (dyn FnMut(Reclaiming) -> bool + Send),
) -> Result<(store::Reclaim<'static>, Vec<Newest>), Failure> {
    let marking = pool.store.begin_reclaim();
    let roots: Vec<Digest> = pool.catalog.points().iter().map(|point| point.record).collect();
    let points = newest(&pool.catalog.listed());
    let records: Vec<Digest> = points.iter().map(|point| point.record).collect();
    let mut reclaim = block_on(marking.mark(roots, go_on)).map_err(nothing_taken)?;
    let arranged = block_on(reclaim.arrange(&records, options, go_on)).map_err(nothing_taken)?;
    let mut names = SystemNames::new(access);
    let named = points.into_iter().zip(arranged).map(|(point, Arranged { now, then })| {
        let system = names.of(&point);
        Newest { point, system, before: now, after: then }
    });
    Ok((reclaim, named.collect()))
}

/// The newest point of each system that nobody has removed, those of one tenant together.
fn newest(listed: &[Listed]) -> Vec<Point> {
    let staying = listed.iter().filter(|listed| listed.removed.is_none());
    let by_system: BTreeMap<_, Point> =
        staying.map(|listed| ((listed.point.tenant, listed.point.system), listed.point)).collect();
    by_system.into_values().collect()
}

/// Says that a manifest that cannot be read stops everything.
fn nothing_taken(error: StoreError) -> Failure {
    match error {
        StoreError::Unknown { .. }
        | StoreError::Damaged { .. }
        | StoreError::DamagedStructure { .. } => {
            let what =
                format!("{error}, so it is not known what is needed: nothing was taken away");
            Failure::new(what, "run `holdfast verify`, then remove the points that it calls broken")
        }
        error => error.into(),
    }
}

/// Says what a pool without room even for moving needs.
fn no_room(error: StoreError) -> Failure {
    match error {
        StoreError::Full => Failure::new(
            "the pool is so full that nothing can be moved out of any segment",
            "run it again once what was retired before is released (--release-after), or remove \
             recovery points and run `holdfast expire` first",
        ),
        error => error.into(),
    }
}

/// Shows how far reclaim is.
trait Show {
    fn show(&self, reclaiming: &Reclaiming);
}

impl Show for Progress {
    fn show(&self, reclaiming: &Reclaiming) {
        if let Reclaiming::Moving { done_bytes, of_bytes } = reclaiming {
            self.begin(of_bytes.saturating_sub(self.total()));
            self.advance(done_bytes.saturating_sub(self.done()), 0);
        }
    }
}

fn to_json(outcome: &Outcome, status: &PoolStatus, dry_run: bool, seconds: f64) -> Value {
    let Outcome { marked, plan, newest, done, released } = outcome;
    let done = done.unwrap_or_default();
    let points = newest.iter().map(|newest| {
        json!({
            "point": newest.point.id.to_string(),
            "system": newest.system,
            "score_before": newest.before.score(),
            "score_after": newest.after.score(),
        })
    });
    json!({
        "newest_points": points.collect::<Vec<_>>(),
        "would_rewrite_segments": plan.rewritten,
        "would_recompress_segments": plan.squeezed,
        "recompressed_chunks": done.squeezed_records,
        "recompressed_from_bytes": done.squeezed_from,
        "recompressed_to_bytes": done.squeezed_to,
        "dry_run": dry_run,
        "needed_records": marked.records,
        "missing_records": marked.missing,
        "reclaimable_bytes": plan.dead_bytes,
        "would_free_bytes": plan.free_bytes,
        "would_move_bytes": plan.move_bytes,
        "retired_segments": done.retired_segments,
        "kept_segments": done.kept_segments,
        "short_of_room": done.short_of_room,
        "moved_bytes": done.moved_bytes,
        "freed_bytes": done.freed_bytes,
        "released_segments": released,
        "waiting_bytes": status.retired_bytes,
        "free_bytes": status.free_bytes,
        "seconds": seconds,
    })
}

fn to_text(outcome: &Outcome, status: &PoolStatus) -> String {
    let Outcome { marked, plan, newest, done, released } = outcome;
    let mut lines = vec![format!(
        "{} records are needed; {} of what is stored is of no use",
        marked.records,
        Bytes(plan.dead_bytes)
    )];
    if marked.missing > 0 {
        lines.push(format!("{} chunks that are needed were lost before", marked.missing));
    }
    match done {
        None => lines.push(format!(
            "{} would be free after moving {}: a dry run, nothing was changed",
            Bytes(plan.free_bytes),
            Bytes(plan.move_bytes)
        )),
        Some(done) => {
            lines.push(format!(
                "{} segments retired, {} moved, {} freed",
                done.retired_segments,
                Bytes(done.moved_bytes),
                Bytes(done.freed_bytes)
            ));
            if done.squeezed_records > 0 {
                lines.push(format!(
                    "{} chunks of older points compressed again: {} instead of {}",
                    done.squeezed_records,
                    Bytes(done.squeezed_to),
                    Bytes(done.squeezed_from)
                ));
            }
            if done.kept_segments > 0 {
                lines.push(format!("{} segments stay: see `holdfast verify`", done.kept_segments));
            }
            if done.short_of_room {
                lines.push(SHORT_OF_ROOM.to_owned());
            }
        }
    }
    lines.extend(newest.iter().map(|newest| {
        let system = newest.system.as_deref().unwrap_or_default();
        let Newest { point, before, after, .. } = newest;
        let (before, after) = (before.score(), after.score());
        format!("{}  {system}  reading order: {before:.2}, then {after:.2}", point.id)
    }));
    lines.push(format!(
        "{released} segments can be used again, {} wait; {} free",
        Bytes(status.retired_bytes),
        Bytes(status.free_bytes)
    ));
    lines.join("\n")
}
