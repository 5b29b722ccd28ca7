//! Jobs in the state's file, and on the bus.

use std::num::NonZeroU64;
use std::sync::atomic::Ordering;

use bus::{JobView, Place};

use super::{Engine, Kept, lock};
use crate::error::Result;
use crate::jobs::{Job, JobState};
use crate::serve::job_view;

impl Engine {
    /// Keeps the jobs of which more than their progress changed. What cannot be kept is tried again
    /// the next time.
    pub(super) fn keep(&self) -> Result<()> {
        // Held for the write: who asked for a job is told of it when it is on disk, whoever wrote.
        self.keep_all(&mut lock(&self.kept))
    }

    pub(super) fn keep_all(&self, kept: &mut Kept) -> Result<()> {
        let changed = lock(&self.queue).take_changed();
        let mut worth = Vec::new();
        for (number, job) in changed {
            let Some(job) = job else {
                kept.remove(&number);
                self.tree.remove(&Place::Job(number));
                continue;
            };
            self.tree.put(self.job_view(&job));
            if kept.get(&number) != Some(&worth_keeping(&job)) {
                worth.push(job);
            }
        }
        if worth.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.state.keep_jobs(worth.iter()) {
            lock(&self.queue).not_kept(worth.iter().map(|job| job.number));
            return Err(error);
        }
        kept.extend(worth.iter().map(|job| (job.number, worth_keeping(job))));
        Ok(())
    }

    /// As [`keep`](Self::keep); a failure is told once until it is over. Jobs go on without.
    pub(super) fn try_to_keep(&self) {
        let kept = self.keep();
        let failed_before = self.unkept.swap(kept.is_err(), Ordering::Relaxed);
        match kept {
            Err(error) if !failed_before => log::error!("jobs go on and are not kept: {error}"),
            Ok(()) if failed_before => log::info!("jobs are kept again"),
            _ => {}
        }
    }

    /// A job as it is shown.
    fn job_view(&self, job: &Job) -> JobView {
        let name = job.work.ingests().zip(self.access());
        let system = name.map(|(name, access)| ingest::system_id(&access, name).to_string());
        job_view(job, system)
    }
}

/// What is worth a write when it changes.
pub(super) type Worth = (JobState, u32, bool, Option<NonZeroU64>);

/// What is kept of a job; its progress is not worth a write.
pub(super) fn worth_keeping(job: &Job) -> Worth {
    (job.state, job.attempt, job.stopping, job.work.rate())
}
