//! What is noted when a job ends.

use model::PointId;
use tokio::task::JoinError;

use super::{Engine, lock};
use crate::clock::moment;
use crate::jobs::{Ended, Job, JobState, Work};
use crate::schedule;

impl Engine {
    pub(super) fn note_end(&self, ended: Result<(u64, Ended), JoinError>) {
        // The runner catches what its work does.
        let Ok((number, ended)) = ended else { return };
        self.note_progress();
        lock(&self.running).remove(&number);
        let job = {
            let mut queue = lock(&self.queue);
            queue.finish(number, ended, moment());
            queue.get(number).cloned()
        };
        // Nobody waits for the queue while this is written down.
        let Some(job) = &job else { return };
        self.note_upkeep(job);
        self.note_verified(job);
        self.note_run(job);
        self.note_intake(job);
        self.refresh.notify_one();
        match job.state {
            JobState::Done | JobState::Cancelled | JobState::Queued => {
                log::info!("job {number}: {} {}", job.work.kind(), job.state.word());
            }
            state => {
                log::warn!(
                    "job {number}: {} of {} {}: {}; {}",
                    job.work.kind(),
                    job.work.subject(),
                    state.word(),
                    job.cause,
                    job.next
                );
            }
        }
    }

    fn note_upkeep(&self, job: &Job) {
        if !matches!(job.state, JobState::Done | JobState::Warned) {
            return;
        }
        schedule::note_upheld(self, &job.work);
        if let Work::Pull { system, full: true, .. } | Work::PullDomain { system, full: true, .. } =
            &job.work
        {
            schedule::note_compared(self, system);
        }
        let (wall, bytes) = (job.ended.wall, job.result["reclaimable_bytes"].as_u64());
        match job.work {
            Work::Reclaim { .. } => self.note_last(|lasts| {
                (lasts.reclaim, lasts.reclaimable_bytes) = (wall, bytes.unwrap_or(0));
            }),
            Work::Verify { .. } => {
                let scrub = self.pool.catalog.scrubs().pop();
                let found = scrub.map_or((0, 0), |scrub| (scrub.number, scrub.lost));
                let is_whole = job.state == JobState::Done;
                self.note_last(|lasts| {
                    lasts.verify = wall;
                    lasts.excused = if is_whole { found } else { lasts.excused };
                });
            }
            Work::Expire => self.note_last(|lasts| lasts.expire = wall),
            _ => {}
        }
    }

    /// What was found whole needs not be verified again by the plan.
    fn note_verified(&self, job: &Job) {
        let all: Vec<PointId> = self.pool.catalog.points().iter().map(|point| point.id).collect();
        let verified = match &job.work {
            Work::Verify { deep: true } if job.state == JobState::Done => all.clone(),
            Work::VerifyPoint { point } if job.state == JobState::Done => {
                point.parse().into_iter().collect()
            }
            _ => return,
        };
        let wall = job.ended.wall;
        let noted = self.protection.note_verified(&self.state, &verified, wall, &all);
        if let Err(error) = noted {
            log::error!("{error}");
        }
    }

    fn note_run(&self, job: &Job) {
        if let Some(system) = job.work.ingests() {
            let noted = self.protection.note_result(&self.state, system, job.state.word());
            if let Err(error) = noted {
                log::error!("{error}");
            }
        }
    }
}
