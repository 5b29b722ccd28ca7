//! Give back the room of what no recovery point needs.
//!
//! What is needed in segments with little left moves to others; those segments are retired, and
//! their room is used again when that was long enough ago. If the manifest of any recovery point
//! cannot be read, nothing is taken away. The newest recovery point of each system is kept in
//! reading order on the way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use catalog::{Listed, Point};
use futures_executor::block_on;
use model::{Bytes, Digest, Span};
use record::{Progress, RecordMover, TenantAccess};
use serde_json::{Value, json};
use store::{
    Arranged, Locality, Marked, PoolStatus, ReclaimOptions, ReclaimPlan, Reclaimed, Reclaiming,
    StoreError,
};

use crate::{Failure, OpenPool, SystemNames};

/// What to do when it could not empty all that it wanted to.
const SHORT_OF_ROOM: &str = "it stopped for lack of room to move more: run it again once what it \
    retired is released (see --release-after)";

/// How much to give back.
#[derive(Debug, Clone)]
pub struct Reclaim {
    /// Segments are emptied of which at least so many percent are of no use.
    pub least_dead_percent: u32,
    /// Bytes of what is needed that are moved, at most.
    pub most_moved_bytes: u64,
    /// The room of segments is used again when they were retired so long ago, in running time.
    pub release_after: Span,
    /// Compress what only older recovery points need with Zstandard, where that saves a tenth.
    pub recompress: bool,
    /// Only say what would be done.
    pub dry_run: bool,
}

impl Default for Reclaim {
    fn default() -> Self {
        Self {
            least_dead_percent: 20,
            most_moved_bytes: u64::MAX,
            release_after: Span(24 * 3600),
            recompress: false,
            dry_run: false,
        }
    }
}

/// What was found and done.
#[derive(Debug)]
pub struct ReclaimOutcome {
    marked: Marked,
    plan: ReclaimPlan,
    newest: Vec<Newest>,
    /// `None` in a dry run.
    done: Option<Reclaimed>,
    released: u64,
    status: PoolStatus,
    seconds: f64,
}

/// The newest recovery point of a system, and how it can be read.
#[derive(Debug)]
struct Newest {
    point: Point,
    system: Option<String>,
    before: Locality,
    /// When nothing has moved yet, what is expected.
    after: Locality,
}

impl Reclaim {
    pub fn run(
        &self,
        pool: &OpenPool,
        access: &Arc<TenantAccess>,
        progress: &Progress,
    ) -> Result<ReclaimOutcome, Failure> {
        let began = Instant::now();
        let options = ReclaimOptions {
            least_dead_percent: self.least_dead_percent,
            most_moved_bytes: self.most_moved_bytes,
            age: if self.dry_run { pool.age() } else { pool.settle_age() },
        };
        let mut released = self.release(pool, &options, self.release_after)?;
        let mut go_on = |reclaiming: Reclaiming| {
            show(progress, &reclaiming);
            !progress.stopped()
        };
        let mut mover = RecordMover::new(std::slice::from_ref(access))?;
        let (mut reclaim, mut newest) = judge(pool, access, &options, &mut go_on)?;
        if self.recompress {
            block_on(reclaim.squeeze(&options, &mut mover, &mut go_on))?;
        }
        let (marked, plan) = (reclaim.marked(), reclaim.plan(&options));
        let mut done = None;
        if !self.dry_run {
            let moved = block_on(reclaim.run(&options, &mut mover, &mut go_on)).map_err(no_room)?;
            measure(pool, &mut newest, moved, progress)?;
            done = Some(moved);
            if self.release_after.0 == 0 {
                released += self.release(pool, &options, Span(0))?;
            }
        }
        let (status, seconds) = (pool.store.status(), began.elapsed().as_secs_f64());
        if !self.dry_run {
            pool.commit(Vec::new())?;
        }
        Ok(ReclaimOutcome { marked, plan, newest, done, released, status, seconds })
    }

    /// Lets the room of segments be used that were retired `after` ago.
    fn release(
        &self,
        pool: &OpenPool,
        options: &ReclaimOptions,
        after: Span,
    ) -> Result<u64, Failure> {
        match options.age.checked_sub(after.0) {
            Some(before) if !self.dry_run => Ok(block_on(pool.store.release_retired(before))?),
            _ => Ok(0),
        }
    }
}

/// Looks again how the newest points lie, if anything moved.
fn measure(
    pool: &OpenPool,
    newest: &mut [Newest],
    moved: Reclaimed,
    progress: &Progress,
) -> Result<(), Failure> {
    for newest in newest.iter_mut().filter(|_| moved.moved_records > 0) {
        let mut go_on = || !progress.stopped();
        newest.after = block_on(pool.store.locality(newest.point.record, &mut go_on))?;
    }
    Ok(())
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
fn show(progress: &Progress, reclaiming: &Reclaiming) {
    if let Reclaiming::Moving { done_bytes, of_bytes } = reclaiming {
        progress.begin(of_bytes.saturating_sub(progress.total()));
        progress.advance(done_bytes.saturating_sub(progress.done()), 0);
    }
}

impl ReclaimOutcome {
    /// Bytes that are of no use, whether their room was given back or not.
    pub fn reclaimable_bytes(&self) -> u64 {
        self.plan.dead_bytes
    }

    pub fn json(&self) -> Value {
        to_json(self)
    }

    pub fn text(&self) -> String {
        to_text(self)
    }
}

fn to_json(outcome: &ReclaimOutcome) -> Value {
    let ReclaimOutcome { marked, plan, newest, done, released, status, seconds } = outcome;
    let dry_run = done.is_none();
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
        "would_merge_segments": plan.merged,
        "would_merge_bytes": plan.merged_bytes,
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

fn to_text(outcome: &ReclaimOutcome) -> String {
    let ReclaimOutcome { marked, plan, newest, done, released, status, .. } = outcome;
    let mut lines = vec![format!(
        "{} records are needed; {} of what is stored is of no use",
        marked.records,
        Bytes(plan.dead_bytes)
    )];
    if marked.missing > 0 {
        lines.push(format!("{} chunks that are needed were lost before", marked.missing));
    }
    if plan.merged > 0 {
        lines.push(format!(
            "{} short segments go together, so that {} come back",
            plan.merged,
            Bytes(plan.merged_bytes)
        ));
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
