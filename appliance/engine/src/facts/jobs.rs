//! Jobs and upkeep.

use std::collections::BTreeMap;

use health::Side;
use health::facts::{Ended, JobFacts, JobState, MaintenanceFacts, MaintenanceKind};
use model::Span;
use operations::uptime;

use crate::clock::moment;
use crate::engine::Engine;
use crate::jobs::{self, Job};
use crate::protection::Of;
use crate::schedule::{self, task};

/// The newest run of each job.
pub(super) fn jobs(engine: &Engine) -> Vec<JobFacts> {
    let mut newest: BTreeMap<String, Job> = BTreeMap::new();
    for job in engine.jobs() {
        newest.insert(format!("{} of {}", job.work.kind(), job.work.subject()), job);
    }
    newest.into_iter().map(|(name, job)| facts(name, &job)).collect()
}

fn facts(name: String, job: &Job) -> JobFacts {
    let now = moment();
    let client = Some(job.client.clone()).filter(|client| !client.is_empty());
    let failed = |retry: Option<Span>| {
        JobState::Ended(Ended::Failed {
            error: job.cause.clone(),
            next: job.next.clone(),
            side: Side::Box,
            failures: job.attempt,
            // Until then no person is to know.
            retry: retry.filter(|_| !job.retry.escalates(job.attempt)),
        })
    };
    let state = match job.state {
        jobs::JobState::Queued => JobState::Waiting,
        jobs::JobState::Running => JobState::Running {
            ran: Span(now.running.saturating_sub(job.started.running)),
            silent: (job.bytes_total > 0).then(|| Span(now.running.saturating_sub(job.moved))),
            deadline: Some(Span(job.deadline)),
        },
        jobs::JobState::Waiting { due } => failed(Some(Span(due.saturating_sub(now.running)))),
        jobs::JobState::Done => JobState::Ended(Ended::Well),
        jobs::JobState::Warned => JobState::Ended(Ended::Warned {
            warnings: 1,
            error: job.cause.clone(),
            next: job.next.clone(),
            side: Side::Source,
        }),
        jobs::JobState::Failed => failed(None),
        jobs::JobState::Cancelled => JobState::Ended(Ended::Cancelled),
        jobs::JobState::Interrupted => JobState::Ended(Ended::Interrupted),
    };
    JobFacts { name, client, state }
}

/// Upkeep, as the plan wants it.
pub(super) fn maintenance(engine: &Engine) -> Vec<MaintenanceFacts> {
    let plan = engine.protection.plan();
    let upkeep = &plan.maintenance;
    let age = engine.pool.age();
    let fact = |kind, task, every| MaintenanceFacts {
        kind,
        // Before it is first noted nothing is due.
        last: engine
            .protection
            .run(Of::Upheld(task))
            .map_or(Span(0), |run| run.past(age, uptime()).running),
        every,
        // The job tells of its own failures.
        error: None,
    };
    vec![
        fact(MaintenanceKind::Scrub, task::SCRUB, upkeep.scrub.interval),
        fact(MaintenanceKind::Reclaim, task::RECLAIM, upkeep.reclaim.interval),
        fact(MaintenanceKind::Expire, task::EXPIRE, upkeep.expire.interval),
        fact(MaintenanceKind::Verify, task::VERIFY, upkeep.verify.interval),
        fact(MaintenanceKind::Catalog, task::CATALOG, schedule::COMMIT),
    ]
}
