//! Who begins jobs, and ends them.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use record::Progress;
use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinSet};

use super::{Engine, lock};
use crate::clock::moment;
use crate::jobs::Ended;
use crate::runner::{self, Unlocked};
use crate::{schedule, serve};

/// How often the progress of what runs is looked at.
const TICK: Duration = Duration::from_millis(250);

/// How often the plan is looked at: at most, and at least. What is due and cannot be taken is tried
/// again as often as that.
const BUSY: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(60);

impl Engine {
    /// Conducts jobs until `stop`; then those that run get some time to stop at a safe place, and
    /// go on when the engine starts again.
    pub(crate) async fn conduct(self: Arc<Self>, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        let mut ends = JoinSet::new();
        let mut look = Instant::now();
        loop {
            if self.planned.swap(false, Ordering::Relaxed) || look <= Instant::now() {
                look = Instant::now() + next_look(schedule::begin_due(&self));
            }
            self.begin(&mut ends);
            self.note_progress();
            self.try_to_keep();
            self.rounds.send_modify(|rounds| *rounds += 1);
            tokio::select! {
                () = &mut stop => break,
                () = self.wake.notified() => {}
                Some(ended) = ends.join_next() => self.note_end(ended),
                () = tokio::time::sleep(self.pause(look)) => {}
            }
        }
        self.stop_jobs(ends).await;
    }

    /// Stops the jobs that run. One that came to its own end meanwhile has done so.
    async fn stop_jobs(&self, mut ends: JoinSet<(u64, Ended)>) {
        for progress in lock(&self.running).values() {
            progress.stop();
        }
        let all_ended = async {
            while let Some(ended) = ends.join_next().await {
                if self.has_ended(&ended) {
                    self.note_end(ended);
                }
            }
        };
        if tokio::time::timeout(self.config.jobs.stop_within(), all_ended).await.is_err() {
            log::warn!(
                "jobs did not stop in time: they are cut off and done again at the next start"
            );
        }
        self.try_to_keep();
    }

    /// Whether a job is over, and was not only stopped because the engine ends.
    fn has_ended(&self, ended: &Result<(u64, Ended), JoinError>) -> bool {
        match ended {
            Ok((number, Ended::Stopped)) => {
                lock(&self.queue).get(*number).is_some_and(|job| job.stopping)
            }
            ended => ended.is_ok(),
        }
    }

    /// Begins what may begin.
    fn begin(self: &Arc<Self>, ends: &mut JoinSet<(u64, Ended)>) {
        // Held until all that begin are among those that run: nobody locks the keys in between.
        let keys = lock(&self.access);
        let Some(access) = keys.as_ref() else { return };
        let plan = self.protection.plan();
        let rests = |client: &str| schedule::rests(&plan, client);
        let begun = lock(&self.queue).start(moment(), rests);
        for number in begun {
            let Some(job) = lock(&self.queue).get(number).cloned() else { continue };
            log::info!(
                "job {number}: {} of {} begins, attempt {}",
                job.work.kind(),
                job.work.subject(),
                job.attempt
            );
            let progress = Arc::new(Progress::default());
            lock(&self.running).insert(number, progress.clone());
            // Somebody may have stopped it before there was anything to tell.
            if lock(&self.queue).get(number).is_some_and(|job| job.stopping || job.anew) {
                progress.stop();
            }
            let unlocked = Unlocked {
                pool: self.pool.clone(),
                access: access.clone(),
                disks: self.disks.paths().into(),
                exports: self.exports.clone(),
            };
            let handed = job.work.handed().map(|number| self.take_handed(number));
            let handed = handed.unwrap_or_default();
            let work = runner::run(job.work, handed, unlocked, progress, Handle::current());
            let own = self.clone();
            ends.spawn(async move {
                let ended = work.await;
                serve::show_soon(&own).await;
                (number, ended)
            });
        }
    }

    /// Has the job that fills disks go on at another rate: its number, if there is one.
    pub(crate) fn set_rate(&self, rate: Option<NonZeroU64>) -> Option<u64> {
        let (number, tell) = lock(&self.queue).set_rate(rate)?;
        if let (true, Some(progress)) = (tell, lock(&self.running).get(&number)) {
            progress.stop();
        }
        // The next engine goes on at that rate, too.
        self.try_to_keep();
        self.wake.notify_one();
        Some(number)
    }

    pub(super) fn note_progress(&self) {
        let running = lock(&self.running);
        let mut queue = lock(&self.queue);
        for (number, progress) in running.iter() {
            queue.progress(*number, progress.done(), progress.total(), moment());
        }
    }

    /// For how long nothing is to be looked at.
    fn pause(&self, look: Instant) -> Duration {
        if !lock(&self.running).is_empty() {
            return TICK;
        }
        let due = lock(&self.queue).next_due();
        let left = look.saturating_duration_since(Instant::now());
        // One that is due and waits all the same waits for a window.
        let wait = |due: u64| match due.saturating_sub(moment().running) {
            0 => BUSY,
            wait => Duration::from_secs(wait),
        };
        due.map_or(left, wait).min(left).max(TICK)
    }
}

/// How long the plan need not be looked at, when something is due in `seconds`.
fn next_look(seconds: Option<u64>) -> Duration {
    seconds.map_or(IDLE, Duration::from_secs).clamp(BUSY, IDLE)
}
