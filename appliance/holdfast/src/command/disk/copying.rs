//! Copying what disks lack, at the pace that was asked for, and telling what came of it.

use std::num::NonZeroU64;

use futures_executor::block_on;
use model::Bytes;
use record::Progress;
use serde_json::{Value, json};
use store::{Pace, Resynced, Store, StoreError};

use crate::access::OpenPool;
use crate::command::disk::to_json;
use crate::failure::Failure;
use crate::interrupt;
use crate::output::Output;
use crate::pacer::TokioPacer;
use crate::progress::shown;

/// What copying came to.
pub(super) struct Copied {
    outcome: Resynced,
    stopped: bool,
}

/// What to do when not all is copied, or not all is intact.
pub(super) struct Next {
    pub(super) rest: &'static str,
    pub(super) lost: &'static str,
}

/// Copies, ends the use of the pool, and tells.
pub(super) fn fill(
    pool: &OpenPool,
    rate: Option<NonZeroU64>,
    output: &Output,
) -> Result<(), Failure> {
    let copied = copy(pool, rate, output)?;
    pool.close()?;
    let next = Next {
        rest: "run `holdfast disk resync`; what was copied is kept",
        lost: "run `holdfast verify` to see which recovery points are affected",
    };
    tell(pool, &copied, None, &next, output)
}

/// Copies until it is done or asked to stop.
pub(super) fn copy(
    pool: &OpenPool,
    rate: Option<NonZeroU64>,
    output: &Output,
) -> Result<Copied, Failure> {
    let (runtime, progress) = interrupt::stoppable()?;
    let pacer = TokioPacer::new(runtime.handle().clone(), &progress);
    let pace = rate.map_or_else(|| Pace::gentle(&pacer), |rate| Pace::at_most(rate, &pacer));
    let resyncing = || block_on(resync(&pool.store, pace, &progress));
    let outcome = shown(output, "resync", &progress, resyncing)?;
    Ok(Copied { outcome, stopped: progress.stopped() })
}

async fn resync(
    store: &Store,
    pace: Pace<'_>,
    progress: &Progress,
) -> Result<Resynced, StoreError> {
    let (mut total, mut done) = (0, 0);
    let go_on = |now: &Resynced| {
        progress.begin(now.bytes_total - total);
        progress.advance(now.bytes_done - done, now.bytes_done - done);
        (total, done) = (now.bytes_total, now.bytes_done);
        !progress.stopped()
    };
    store.resync(pace, go_on).await
}

impl Copied {
    /// Everything is on every disk, and intact.
    pub(super) fn is_whole(&self) -> bool {
        let outcome = &self.outcome;
        outcome.complete && outcome.lost.is_empty() && outcome.unreadable == 0
    }

    fn trouble(&self, next: &Next) -> Option<Failure> {
        if self.is_whole() {
            return None;
        }
        if !self.outcome.complete {
            let what = if self.stopped { "interrupted" } else { "not everything is copied yet" };
            return Some(Failure::new(what, next.rest));
        }
        let what = format!(
            "{} records and {} lists of records are intact on no disk; all else was copied",
            self.outcome.lost.len(),
            self.outcome.unreadable
        );
        Some(Failure::new(what, next.lost))
    }
}

/// Tells what was copied, and which disk has left the pool since.
pub(super) fn tell(
    pool: &OpenPool,
    copied: &Copied,
    left: Option<&str>,
    next: &Next,
    output: &Output,
) -> Result<(), Failure> {
    let outcome = &copied.outcome;
    let value = resynced_json(&pool.store, outcome, left);
    let text = || {
        let left = left.map(|name| format!("\n{name} has left the pool")).unwrap_or_default();
        format!(
            "{} of copies made good: {} segments copied, {} right already{left}",
            Bytes(outcome.bytes_done),
            outcome.copied,
            outcome.kept
        )
    };
    let Some(failure) = copied.trouble(next) else {
        output.result(&value, text);
        return Ok(());
    };
    output.before_failure(text);
    Err(failure.with(value))
}

fn resynced_json(store: &Store, outcome: &Resynced, left: Option<&str>) -> Value {
    let lost: Vec<String> = outcome.lost.iter().map(ToString::to_string).collect();
    json!({
        "pool": store.pool_id().to_string(),
        "disks": block_on(store.members()).iter().map(to_json).collect::<Vec<_>>(),
        "bytes_total": outcome.bytes_total,
        "bytes_done": outcome.bytes_done,
        "copied": outcome.copied,
        "kept": outcome.kept,
        "lost": lost,
        "unreadable": outcome.unreadable,
        "complete": outcome.complete,
        "left": left,
    })
}
