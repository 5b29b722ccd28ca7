//! The engine: an open pool, its jobs, and who conducts them.
//!
//! One task conducts: it begins what may begin, notes what ended, and keeps what changed. Work
//! itself runs on threads of its own. What a caller was told is taken is on disk before.

mod conduct;
mod ends;
mod intakes;
mod keep;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use bus::Tree;
use operations::{Failure, OpenPool, Secret, uptime};
use record::{Progress, TenantAccess};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};

use crate::alerts::Alerts;
use crate::clock::moment;
use crate::config::Config;
use crate::disks::Disks;
use crate::error::Result;
use crate::exports::{Exported, Exports, STATE_NEXT};
use crate::facts::{HealedLately, LastSmart, Life};
use crate::jobs::{Job, Moment, Queue, Refused, Retry, Work};
use crate::protection::{Protection, boot_text};
use crate::returned::Returned;
use crate::serve::Known;
use crate::state::State;

/// Under which name the times of upkeep are kept.
const LASTS: &str = "lasts";

/// Jobs that have been handed files or pipes and have not begun, at most: each keeps one or two
/// descriptors open.
const HANDED_MAX: usize = 64;

/// When upkeep came to its end last, by the clock on the wall; 0 is never.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Lasts {
    pub(crate) reclaim: u64,
    pub(crate) expire: u64,
    pub(crate) verify: u64,
    /// The newest scrub when a verify last found everything whole, and what that had found lost.
    pub(crate) excused: (u64, u64),
    /// Bytes of no use, as the last reclaim counted them.
    pub(crate) reclaimable_bytes: u64,
}

/// What was last kept of each job, without its progress, which is not worth a write.
type Kept = HashMap<u64, keep::Worth>;

/// Everything that the daemon has.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) config: Config,
    pub(crate) state: State,
    pub(crate) pool: Arc<OpenPool>,
    access: Mutex<Option<Arc<TenantAccess>>>,
    queue: Mutex<Queue>,
    kept: Mutex<Kept>,
    /// What changed of jobs could not be kept.
    unkept: AtomicBool,
    /// The plan is to be looked at now.
    planned: AtomicBool,
    running: Mutex<HashMap<u64, Arc<Progress>>>,
    pub(crate) exports: Arc<Exports>,
    pub(crate) protection: Protection,
    pub(crate) alerts: Alerts,
    pub(crate) life: Life,
    /// Its disks, by their paths.
    pub(crate) disks: Disks,
    /// What had to be healed lately.
    pub(crate) healed: Mutex<HealedLately>,
    /// Disks that are missing and there again.
    pub(crate) returned: Returned,
    /// When a disk that lacks something is to be filled, if nobody else sees to it.
    pub(crate) fill_due: Mutex<Option<Instant>>,
    /// Where the service manager can be asked; none on a workstation.
    pub(crate) system_bus: OnceLock<zbus::Connection>,
    pub(crate) smart: Mutex<LastSmart>,
    /// Names of the power supplies that were there last.
    pub(crate) supplies: Mutex<Vec<String>>,
    wake: Notify,
    /// What is shown on the bus.
    pub(crate) tree: Tree,
    /// Something changed that is shown from time to time only.
    pub(crate) refresh: Notify,
    /// Names of systems and volumes, by recovery point.
    pub(crate) known: Mutex<Known>,
    /// Held while the catalog is looked at and shown: what one saw earlier never takes away what
    /// another saw later.
    pub(crate) showing: tokio::sync::Mutex<()>,
    /// Files and pipes of callers, by the number that their jobs have for them.
    pub(crate) handed: Mutex<HashMap<u64, Vec<OwnedFd>>>,
    last_handed: AtomicU64,
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
    pub(crate) fn new(
        config: Config,
        state: State,
        disks: Disks,
        pool: OpenPool,
    ) -> Result<Arc<Self>> {
        let (left, next) = state.jobs()?;
        let lasts = state.value(LASTS)?.unwrap_or_default();
        let exports = Exports::load(&state, &config)?;
        let (protection, alerts) =
            (Protection::load(&state, &config.state)?, Alerts::load(&state)?);
        let life = Life::begin(&state, &boot_text(uptime()), pool.age())?;
        let_go(&left);
        let limits = config.limits.with(&protection.plan().limits);
        let kept = left.iter().map(|job| (job.number, keep::worth_keeping(job))).collect();
        let queue = Queue::new(limits, left, next, moment());
        let engine = Self {
            exports: Arc::new(exports),
            protection,
            alerts,
            life,
            disks,
            healed: Mutex::default(),
            returned: Returned::default(),
            fill_due: Mutex::default(),
            system_bus: OnceLock::new(),
            smart: Mutex::default(),
            supplies: Mutex::default(),
            config,
            state,
            pool: Arc::new(pool),
            access: Mutex::default(),
            queue: Mutex::new(queue),
            kept: Mutex::new(kept),
            unkept: AtomicBool::new(false),
            planned: AtomicBool::new(false),
            running: Mutex::default(),
            wake: Notify::new(),
            tree: Tree::new(),
            refresh: Notify::new(),
            known: Mutex::default(),
            showing: tokio::sync::Mutex::default(),
            handed: Mutex::default(),
            last_handed: AtomicU64::new(0),
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
        self.planned.store(true, Ordering::Relaxed);
        self.wake.notify_one();
        Ok(())
    }

    /// Takes the keys away, unless something uses them. Whether it did.
    pub(crate) fn lock_keys(&self) -> bool {
        // No job begins meanwhile: beginning one takes the same lock.
        let mut access = lock(&self.access);
        let busy = !lock(&self.running).is_empty() || !self.exports.is_empty();
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

    /// Keeps what a caller has handed over, for the job that will ask for it by this number.
    /// `None` while there is no room for more.
    pub(crate) fn keep_handed(&self, files: Vec<OwnedFd>) -> Option<u64> {
        if lock(&self.handed).len() >= HANDED_MAX {
            return None;
        }
        let number = self.last_handed.fetch_add(1, Ordering::Relaxed) + 1;
        lock(&self.handed).insert(number, files);
        Some(number)
    }

    /// Gives up what a caller has handed over, or hands it to its job.
    pub(crate) fn take_handed(&self, number: u64) -> Vec<OwnedFd> {
        lock(&self.handed).remove(&number).unwrap_or_default()
    }

    /// An expiry came to its end.
    pub(crate) fn expired(&self) {
        self.note_last(|lasts| lasts.expire = moment().wall);
    }

    fn note_last(&self, change: impl FnOnce(&mut Lasts)) {
        let mut lasts = lock(&self.lasts);
        change(&mut lasts);
        if let Err(error) = self.state.keep_value(LASTS, &*lasts) {
            log::error!("{error}");
        }
    }

    /// Serves what an earlier engine served, now that the keys are open.
    pub(crate) async fn resume_exports(&self) {
        if let Some(access) = self.access() {
            self.resume_intakes();
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
        self.keep_served(exported).await
    }

    /// Keeps what was begun, or ends it: nobody is told of it, so nobody else would.
    async fn keep_served(&self, exported: Exported) -> std::result::Result<Exported, Failure> {
        if let Err(failure) = self.keep_exports() {
            let _ = self.exports.stop(&self.state, exported.number, true).await;
            return Err(failure);
        }
        Ok(exported)
    }

    /// Ends an export; what was written to it is lost if that is wanted.
    pub(crate) async fn stop_export(
        &self,
        number: u64,
        discard: bool,
    ) -> std::result::Result<(), Failure> {
        self.exports.stop(&self.state, number, discard).await
    }

    fn keep_exports(&self) -> std::result::Result<(), Failure> {
        let kept = self.exports.keep(&self.state);
        kept.map_err(|error| Failure::new(error, STATE_NEXT))
    }

    pub(crate) fn access(&self) -> Option<Arc<TenantAccess>> {
        lock(&self.access).clone()
    }

    /// Takes a job. It is on disk when this returns, and survives the engine.
    pub(crate) fn submit(&self, work: Work, client: &str, retry: Retry) -> Taken {
        let deadline = self.config.jobs.deadline_hours * 3600;
        // Until it is kept or taken back nobody else keeps it.
        let mut kept = lock(&self.kept);
        let taken = lock(&self.queue).submit(work, client, retry, deadline, moment());
        let (number, is_new) = taken.map_err(NotTaken::Refused)?;
        if let Err(error) = self.keep_all(&mut kept) {
            if is_new {
                lock(&self.queue).withdraw(number);
            }
            return Err(NotTaken::State(error));
        }
        self.wake.notify_one();
        Ok(number)
    }

    /// Ends a job at its next safe place.
    pub(crate) fn cancel(&self, number: u64) -> std::result::Result<(), Refused> {
        let tell = lock(&self.queue).cancel(number, moment())?;
        if let Some(handed) = self.job(number).filter(|_| !tell).and_then(|job| job.work.handed()) {
            self.take_handed(handed);
        }
        if let (true, Some(progress)) = (tell, lock(&self.running).get(&number)) {
            progress.stop();
        }
        // Who was told that it is over must not see it begin with the next engine.
        self.try_to_keep();
        self.wake.notify_one();
        Ok(())
    }

    /// All jobs that are listed, oldest first.
    pub(crate) fn jobs(&self) -> Vec<Job> {
        lock(&self.queue).jobs().cloned().collect()
    }

    /// One job, if it is listed.
    pub(crate) fn job(&self, number: u64) -> Option<Job> {
        lock(&self.queue).get(number).cloned()
    }

    /// The plan, or what is to wait, changed.
    pub(crate) fn changed(&self) {
        lock(&self.queue).set_limits(self.config.limits.with(&self.protection.plan().limits));
        self.planned.store(true, Ordering::Relaxed);
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
}

/// Lets machines go on that an engine may have left paused, and thaws guests that it may have left
/// frozen: those of all pulls that are listed, as the one before this may have ended before it had
/// done so for what its own predecessor left. That needs no keys, and the pulls themselves may have
/// to wait for those.
fn let_go(left: &[Job]) {
    let paused: BTreeSet<_> = left.iter().filter_map(|job| job.work.pauses()).collect();
    for socket in paused {
        let socket = socket.to_owned();
        aside("resume", move || operations::resume(socket));
    }
    let frozen: BTreeSet<_> = left.iter().filter_map(|job| job.work.guest_agent()).collect();
    for agent in frozen {
        let agent = agent.to_owned();
        aside("thaw", move || operations::thaw(&agent));
    }
    let domains = left.iter().filter_map(|job| job.work.domain());
    let domains = domains.map(|domain| ((domain.uri.clone(), domain.name.clone()), domain));
    for domain in domains.collect::<BTreeMap<_, _>>().into_values() {
        aside("thaw", move || domain.thaw());
    }
}

/// Does something for a machine on a thread of its own.
fn aside(name: &str, work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().name(name.to_owned());
    if let Err(error) = thread.spawn(work) {
        log::error!("no thread to {name} a machine: {error}; its next pull does");
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
