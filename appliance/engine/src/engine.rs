//! The engine: an open pool, its jobs, and who conducts them.
//!
//! One task conducts: it begins what may begin, notes what ended, and keeps what changed. Work
//! itself runs on threads of its own. What a caller was told is taken is on disk before.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bus::{Place, Tree};
use operations::{Failure, OpenPool, Secret};
use record::{Progress, TenantAccess};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::alerts::Alerts;
use crate::clock::moment;
use crate::config::Config;
use crate::error::Result;
use crate::exports::{Exported, Exports};
use crate::jobs::{Ended, Job, JobState, Moment, Queue, Refused, Retry, Work};
use crate::protection::Protection;
use crate::runner::{self, Unlocked};
use crate::schedule;
use crate::serve::{Known, job_view};
use crate::state::State;

/// How often the progress of what runs is looked at.
const TICK: Duration = Duration::from_millis(250);

/// How long the conductor sleeps at most when nothing runs.
const IDLE: Duration = Duration::from_secs(60);

/// Under which name the exports are kept.
const EXPORTS: &str = "exports";

/// Under which name the times of upkeep are kept.
const LASTS: &str = "lasts";

/// When upkeep came to its end last, by the clock on the wall; 0 is never.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Lasts {
    pub(crate) reclaim: u64,
    pub(crate) expire: u64,
    pub(crate) verify: u64,
    /// Bytes of no use, as the last reclaim counted them.
    pub(crate) reclaimable_bytes: u64,
}

/// What was last kept of a job: its progress is not worth a write.
type Kept = HashMap<u64, (JobState, u32, bool)>;

/// Everything that the daemon has.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) config: Config,
    pub(crate) state: State,
    pub(crate) pool: Arc<OpenPool>,
    access: Mutex<Option<Arc<TenantAccess>>>,
    queue: Mutex<Queue>,
    kept: Mutex<Kept>,
    running: Mutex<HashMap<u64, Arc<Progress>>>,
    pub(crate) exports: Exports,
    pub(crate) protection: Protection,
    pub(crate) alerts: Alerts,
    wake: Notify,
    /// What is shown on the bus.
    pub(crate) tree: Tree,
    /// Something changed that is shown from time to time only.
    pub(crate) refresh: Notify,
    /// Names of systems and volumes, by recovery point.
    pub(crate) known: Mutex<Known>,
    /// Open files that restores are to write to, by the number that their jobs have for them.
    pub(crate) targets: Mutex<HashMap<u64, OwnedFd>>,
    last_target: AtomicU64,
    pub(crate) started: Moment,
    unlocked_at: AtomicU64,
    lasts: Mutex<Lasts>,
    /// Counts the conductor's rounds.
    rounds: watch::Sender<u64>,
    /// What the last sign of life took to gather, in microseconds.
    pub(crate) answered: AtomicU64,
}

impl Engine {
    /// The engine as an earlier one left it: its jobs are in the queue.
    pub(crate) fn new(config: Config, state: State, pool: OpenPool) -> Result<Arc<Self>> {
        let (left, next) = state.jobs()?;
        let exports = state.small(EXPORTS)?;
        let exports = exports.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let lasts = state.small(LASTS)?;
        let lasts = lasts.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let exports = Exports::new(&config.state, &config.runtime, exports);
        let (protection, alerts) = (Protection::load(&state)?, Alerts::load(&state)?);
        let limits = config.limits.with(&protection.plan().limits);
        let queue = Queue::new(limits, left, next, moment());
        let engine = Self {
            exports,
            protection,
            alerts,
            config,
            state,
            pool: Arc::new(pool),
            access: Mutex::default(),
            queue: Mutex::new(queue),
            kept: Mutex::default(),
            running: Mutex::default(),
            wake: Notify::new(),
            tree: Tree::new(),
            refresh: Notify::new(),
            known: Mutex::default(),
            targets: Mutex::default(),
            last_target: AtomicU64::new(0),
            started: moment(),
            unlocked_at: AtomicU64::new(0),
            lasts: Mutex::new(lasts),
            rounds: watch::Sender::new(0),
            answered: AtomicU64::new(0),
        };
        engine.keep()?;
        Ok(Arc::new(engine))
    }

    /// Opens the keys: from here on jobs run.
    pub(crate) fn unlock(&self, secret: &Secret) -> std::result::Result<(), Failure> {
        let access = self.pool.unlock(secret, seal::Backend::default())?;
        *lock(&self.access) = Some(access);
        self.unlocked_at.store(moment().wall, Ordering::Relaxed);
        self.wake.notify_one();
        Ok(())
    }

    /// Takes the keys away, unless something uses them. Whether it did.
    pub(crate) fn lock_keys(&self) -> bool {
        // No job begins meanwhile: beginning one takes the same lock.
        let mut access = lock(&self.access);
        let busy = !lock(&self.running).is_empty() || !self.exports.list().is_empty();
        if !busy {
            *access = None;
            self.unlocked_at.store(0, Ordering::Relaxed);
        }
        !busy
    }

    /// When the keys were opened, by the clock on the wall; 0 while they are not.
    pub(crate) fn ready_at(&self) -> u64 {
        self.unlocked_at.load(Ordering::Relaxed)
    }

    pub(crate) fn lasts(&self) -> Lasts {
        *lock(&self.lasts)
    }

    /// A number for a file that a restore is to write to.
    pub(crate) fn next_target(&self) -> u64 {
        self.last_target.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// An expiry came to its end.
    pub(crate) fn expired(&self) {
        self.note_last(|lasts| lasts.expire = moment().wall);
    }

    fn note_last(&self, change: impl FnOnce(&mut Lasts)) {
        let text = {
            let mut lasts = lock(&self.lasts);
            change(&mut lasts);
            serde_json::to_string(&*lasts).unwrap_or_default()
        };
        if let Err(error) = self.state.keep_small(LASTS, &text) {
            log::error!("{error}");
        }
    }

    /// Serves what an earlier engine served. To be called once, when the keys are open.
    pub(crate) async fn resume_exports(&self) {
        if let Some(access) = self.access() {
            self.exports.resume(&self.pool, &access).await;
        }
    }

    /// Serves a volume of a recovery point as a disk.
    pub(crate) async fn export(
        &self,
        point: String,
        volume: usize,
        writable: bool,
    ) -> std::result::Result<Exported, Failure> {
        let access =
            self.access().ok_or_else(|| Failure::new("the pool is locked", "unlock it"))?;
        let wanted = (point, volume, writable);
        let exported = self.exports.start(&self.pool, &access, wanted, moment().wall).await?;
        self.keep_exports()?;
        Ok(exported)
    }

    /// Ends an export; what was written to it is lost if that is wanted.
    pub(crate) async fn stop_export(
        &self,
        number: u64,
        discard: bool,
    ) -> std::result::Result<(), Failure> {
        let stopped = self.exports.stop(number, discard).await;
        self.keep_exports()?;
        stopped
    }

    fn keep_exports(&self) -> std::result::Result<(), Failure> {
        let text = serde_json::to_string(&self.exports.list()).unwrap_or_default();
        let kept = self.state.keep_small(EXPORTS, &text);
        kept.map_err(|error| Failure::new(error, "see the disk of the engine's state"))
    }

    pub(crate) fn access(&self) -> Option<Arc<TenantAccess>> {
        lock(&self.access).clone()
    }

    /// Takes a job. It is on disk when this returns, and survives the engine.
    pub(crate) fn submit(&self, work: Work, client: &str, retry: Retry) -> Taken {
        let deadline = self.config.jobs.deadline_hours * 3600;
        let number = lock(&self.queue).submit(work, client, retry, deadline, moment());
        let number = number.map_err(NotTaken::Refused)?;
        self.keep().map_err(NotTaken::State)?;
        self.wake.notify_one();
        Ok(number)
    }

    /// Ends a job at its next safe place.
    pub(crate) fn cancel(&self, number: u64) -> std::result::Result<(), Refused> {
        let tell = lock(&self.queue).cancel(number, moment())?;
        if let (true, Some(progress)) = (tell, lock(&self.running).get(&number)) {
            progress.stop();
        }
        self.wake.notify_one();
        Ok(())
    }

    /// All jobs that are listed, oldest first.
    pub(crate) fn jobs(&self) -> Vec<Job> {
        lock(&self.queue).jobs().cloned().collect()
    }

    /// The plan, or what is to wait, changed.
    pub(crate) fn changed(&self) {
        lock(&self.queue).set_limits(self.config.limits.with(&self.protection.plan().limits));
        self.wake.notify_one();
        self.refresh.notify_one();
    }

    /// What the last sign of life took to gather, in microseconds.
    pub(crate) fn answer_times(&self) -> Vec<(String, u64)> {
        vec![("all".to_owned(), self.answered.load(Ordering::Relaxed))]
    }

    /// Comes to its end when the conductor has come round once more.
    pub(crate) fn beat(&self) -> impl Future<Output = ()> + use<> {
        let mut rounds = self.rounds.subscribe();
        self.wake.notify_one();
        async move {
            // It fails when the conductor is gone, and then the process ends as well.
            let _ = rounds.changed().await;
        }
    }

    /// Conducts jobs until `stop`; then those that run get some time to stop at a safe place, and
    /// go on when the engine starts again.
    pub(crate) async fn conduct(self: Arc<Self>, stop: impl Future<Output = ()>) -> Result<()> {
        tokio::pin!(stop);
        let mut ends = JoinSet::new();
        loop {
            let due = schedule::begin_due(&self);
            self.begin(&mut ends);
            self.note_progress();
            self.keep()?;
            self.rounds.send_modify(|rounds| *rounds += 1);
            tokio::select! {
                () = &mut stop => break,
                () = self.wake.notified() => {}
                Some(ended) = ends.join_next() => self.note_end(ended),
                () = tokio::time::sleep(self.pause(due)) => {}
            }
        }
        for progress in lock(&self.running).values() {
            progress.stop();
        }
        let all_ended = async { while ends.join_next().await.is_some() {} };
        if tokio::time::timeout(self.config.jobs.stop_within(), all_ended).await.is_err() {
            log::warn!(
                "jobs did not stop in time: they are cut off and done again at the next start"
            );
        }
        Ok(())
    }

    /// Begins what may begin.
    fn begin(&self, ends: &mut JoinSet<(u64, Ended)>) {
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
            if lock(&self.queue).get(number).is_some_and(|job| job.stopping) {
                progress.stop();
            }
            let unlocked = Unlocked {
                pool: self.pool.clone(),
                access: access.clone(),
                disks: self.config.disks.clone().into(),
            };
            let target = match &job.work {
                Work::Give { target, .. } => lock(&self.targets).remove(target),
                _ => None,
            };
            let work = runner::run(job.work, target, unlocked, progress, Handle::current());
            ends.spawn(async move { (number, work.await) });
        }
    }

    fn note_progress(&self) {
        let running = lock(&self.running);
        let mut queue = lock(&self.queue);
        for (number, progress) in running.iter() {
            queue.progress(*number, progress.done(), progress.total(), moment());
        }
    }

    fn note_end(&self, ended: std::result::Result<(u64, Ended), tokio::task::JoinError>) {
        // The runner catches what its work does.
        let Ok((number, ended)) = ended else { return };
        self.note_progress();
        lock(&self.running).remove(&number);
        let mut queue = lock(&self.queue);
        queue.finish(number, ended, moment());
        let Some(job) = queue.get(number) else { return };
        self.note_upkeep(job);
        self.note_run(job);
        self.refresh.notify_one();
        match job.state {
            JobState::Done | JobState::Cancelled => {
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
        let (wall, bytes) = (job.ended.wall, job.result["reclaimable_bytes"].as_u64());
        match job.work {
            Work::Reclaim { .. } => self.note_last(|lasts| {
                (lasts.reclaim, lasts.reclaimable_bytes) = (wall, bytes.unwrap_or(0));
            }),
            Work::Verify { .. } => self.note_last(|lasts| lasts.verify = wall),
            Work::Expire => self.note_last(|lasts| lasts.expire = wall),
            _ => {}
        }
    }

    fn note_run(&self, job: &Job) {
        if let Work::Ingest { system, .. } = &job.work {
            let noted = self.protection.note_result(&self.state, system, job.state.word());
            if let Err(error) = noted {
                log::error!("{error}");
            }
        }
    }

    /// Until when nothing is to be looked at.
    fn pause(&self, scheduled: Option<u64>) -> Duration {
        if !lock(&self.running).is_empty() {
            return TICK;
        }
        let due = lock(&self.queue).next_due();
        let left = due.map(|due| due.saturating_sub(moment().running));
        let left = left.into_iter().chain(scheduled).min().map(Duration::from_secs);
        left.map_or(IDLE, |left| left.clamp(TICK, IDLE))
    }

    /// Keeps the jobs of which more than their progress changed.
    fn keep(&self) -> Result<()> {
        let changed = lock(&self.queue).take_changed();
        let mut kept = lock(&self.kept);
        let mut worth = Vec::new();
        for (number, job) in changed {
            let Some(job) = job else {
                kept.remove(&number);
                self.tree.remove(&Place::Job(number));
                continue;
            };
            self.tree.put(job_view(&job));
            let now = (job.state, job.attempt, job.stopping);
            if kept.insert(number, now) != Some(now) {
                worth.push(job);
            }
        }
        if worth.is_empty() {
            return Ok(());
        }
        self.state.keep_jobs(worth.iter())
    }
}

/// Why a job was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotTaken {
    #[error(transparent)]
    Refused(Refused),
    #[error(transparent)]
    State(crate::error::EngineError),
}

pub(crate) type Taken = std::result::Result<u64, NotTaken>;

/// A lock that a panic does not take away from the others.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
