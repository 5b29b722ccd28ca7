//! Copy what disks lack, after a stop, a failure, or when a new one came.

use std::num::NonZeroU64;

use futures_executor::block_on;
use model::Bytes;
use record::Progress;
use serde_json::{Value, json};
use store::{MemberStatus, Pace, Resynced};

use crate::members::member_json;
use crate::{Failure, OpenPool, TokioPacer};

/// Copying until every disk in service has everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Resync {
    /// Bytes in a second, at most. Without it copies make way for whatever else uses the pool.
    pub rate: Option<NonZeroU64>,
}

/// What copying came to.
#[derive(Debug)]
pub struct ResyncOutcome {
    pool: String,
    members: Vec<MemberStatus>,
    outcome: Resynced,
    stopped: bool,
    left: Option<String>,
}

/// What to do when not all is copied, or not all is intact.
#[derive(Debug, Clone, Copy)]
pub struct ResyncNext {
    pub rest: &'static str,
    pub lost: &'static str,
}

impl Default for ResyncNext {
    fn default() -> Self {
        Self {
            rest: "run `holdfast disk resync`; what was copied is kept",
            lost: "run `holdfast verify` to see which recovery points are affected",
        }
    }
}

impl Resync {
    /// Copies until it is done or `progress` is told to stop; what was copied stays.
    pub fn run(
        self,
        pool: &OpenPool,
        progress: &Progress,
        pacer: &TokioPacer<'_>,
    ) -> Result<ResyncOutcome, Failure> {
        let pace = self.rate.map_or_else(|| Pace::gentle(pacer), |rate| Pace::at_most(rate, pacer));
        let (mut total, mut done) = (0, 0);
        let go_on = |now: &Resynced| {
            progress.begin(now.bytes_total - total);
            progress.advance(now.bytes_done - done, now.bytes_done - done);
            (total, done) = (now.bytes_total, now.bytes_done);
            !progress.stopped()
        };
        let outcome = block_on(pool.store.resync(pace, go_on))?;
        Ok(ResyncOutcome {
            pool: pool.store.pool_id().to_string(),
            members: block_on(pool.store.members()),
            outcome,
            stopped: progress.stopped(),
            left: None,
        })
    }
}

impl ResyncOutcome {
    /// Everything is on every disk, and intact.
    pub fn is_whole(&self) -> bool {
        let outcome = &self.outcome;
        outcome.complete && outcome.lost_records == 0 && outcome.unreadable == 0
    }

    /// With the disk that has left the pool since, and the members as they are now.
    pub fn after_leaving(self, pool: &OpenPool, left: Option<String>) -> Self {
        Self { left, members: block_on(pool.store.members()), ..self }
    }

    /// That not all is copied, or not all is intact, with what to do next.
    pub fn failure(&self, next: ResyncNext) -> Option<Failure> {
        let outcome = &self.outcome;
        if !outcome.complete {
            let what = if self.stopped { "interrupted" } else { "not everything is copied yet" };
            return Some(Failure::new(what, next.rest));
        }
        let lost = outcome.lost_records;
        (lost > 0 || outcome.unreadable > 0).then(|| {
            let what = format!(
                "{lost} records and {} lists of records are intact on no disk; all else was copied",
                outcome.unreadable
            );
            Failure::new(what, next.lost)
        })
    }

    pub fn json(&self) -> Value {
        let outcome = &self.outcome;
        let lost: Vec<String> = outcome.lost.iter().map(ToString::to_string).collect();
        json!({
            "pool": self.pool,
            "disks": self.members.iter().map(member_json).collect::<Vec<_>>(),
            "bytes_total": outcome.bytes_total,
            "bytes_done": outcome.bytes_done,
            "copied": outcome.copied,
            "kept": outcome.kept,
            "lost_records": outcome.lost_records,
            "lost": lost,
            "unreadable": outcome.unreadable,
            "complete": outcome.complete,
            "left": self.left,
        })
    }

    pub fn text(&self) -> String {
        let left = self.left.iter().map(|name| format!("\n{name} has left the pool"));
        format!(
            "{} of copies made good: {} segments copied, {} right already{}",
            Bytes(self.outcome.bytes_done),
            self.outcome.copied,
            self.outcome.kept,
            left.collect::<String>()
        )
    }
}
