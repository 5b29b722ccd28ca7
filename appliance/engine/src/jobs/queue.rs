//! Which job runs when.
//!
//! A state machine without clocks, threads and disks: who calls says what time it is and runs what
//! it is told to. Every change marks the job, so that the caller can keep it and show it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::num::NonZeroU64;

use serde_json::Value;

use super::job::{Ended, Job, JobState, Moment};
use super::limits::{Class, Limits};
use super::retry::Retry;
use super::work::Work;

/// Jobs that may wait or run at once. Who has more to do asks again later.
pub(crate) const MAX_WAITING: usize = 1000;

/// Jobs that are over and still listed; older ones are in the history only.
pub(crate) const MAX_OVER: usize = 200;

/// Why a job was not taken, or not stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("{MAX_WAITING} jobs are waiting already; cancel some, or ask again later")]
    Full,
    #[error("there is no job {number}; list the jobs to see which there are")]
    Unknown { number: u64 },
    #[error("job {number} is over")]
    Over { number: u64 },
}

/// All jobs that wait or run, and the last that are over.
#[derive(Debug)]
pub(crate) struct Queue {
    jobs: BTreeMap<u64, Job>,
    limits: Limits,
    /// Of this machine.
    processors: u64,
    next: u64,
    changed: BTreeSet<u64>,
}

impl Queue {
    /// A queue with what an earlier engine left behind; `next` is the first number that was never
    /// given. What ran then has been cut off: it is repeated if that is right without asking.
    pub(crate) fn new(limits: Limits, left: Vec<Job>, next: u64, now: Moment) -> Self {
        let jobs: BTreeMap<u64, Job> = left.into_iter().map(|job| (job.number, job)).collect();
        let next = jobs.last_key_value().map_or(next, |(last, _)| next.max(last + 1)).max(1);
        let processors = std::thread::available_parallelism().map_or(2, |count| count.get() as u64);
        let mut queue = Self { jobs, limits, processors, next, changed: BTreeSet::new() };
        let numbers: Vec<u64> = queue.jobs.keys().copied().collect();
        // Nobody has been shown any of them yet.
        queue.changed.extend(&numbers);
        numbers.into_iter().for_each(|number| queue.take_over(number, now));
        queue
    }

    fn take_over(&mut self, number: u64, now: Moment) {
        let Some(job) = self.jobs.get_mut(&number) else { return };
        match job.state {
            // What its caller handed over went with the engine that had it.
            JobState::Queued | JobState::Waiting { .. } if job.work.handed().is_some() => {
                job.cause = "the engine ended before it began".to_owned();
                job.next = "give the command again".to_owned();
                end(job, JobState::Interrupted, now);
            }
            JobState::Running if job.stopping => end(job, JobState::Cancelled, now),
            JobState::Running if job.work.repeats() => {
                job.state = JobState::Queued;
                job.cause = "the engine ended while it ran".to_owned();
                job.next = "nothing: it is done again".to_owned();
            }
            JobState::Running => {
                job.cause = "the engine ended while it ran".to_owned();
                job.next = "see what it left behind, then start it again".to_owned();
                end(job, JobState::Interrupted, now);
            }
            JobState::Waiting { .. } => {
                let due = job.next_attempt(now).unwrap_or(now.running);
                job.state = JobState::Waiting { due };
            }
            _ => return,
        }
        self.changed.insert(number);
    }

    /// Changes how many jobs run at once. Those that run go on.
    pub(crate) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Takes a job: its number, and whether it is a new one. One that says the same and has not
    /// begun yet stands for both; if it was to wait before it is tried again, it need not.
    pub(crate) fn submit(
        &mut self,
        work: Work,
        client: &str,
        retry: Retry,
        deadline: u64,
        now: Moment,
    ) -> Result<(u64, bool), Refused> {
        let begins = |state| matches!(state, JobState::Queued | JobState::Waiting { .. });
        let same = |job: &&mut Job| job.work == work && begins(job.state);
        if let Some(job) = self.jobs.values_mut().find(same) {
            job.state = JobState::Queued;
            self.changed.insert(job.number);
            return Ok((job.number, false));
        }
        if self.jobs.values().filter(|job| !job.state.is_over()).count() >= MAX_WAITING {
            return Err(Refused::Full);
        }
        let number = self.next;
        self.next += 1;
        let job = Job {
            number,
            work,
            state: JobState::Queued,
            client: client.to_owned(),
            retry,
            deadline,
            attempt: 0,
            failed: None,
            queued: now,
            started: Moment::default(),
            ended: Moment::default(),
            bytes_done: 0,
            bytes_total: 0,
            moved: 0,
            stopping: false,
            anew: false,
            cause: String::new(),
            next: String::new(),
            result: Value::Null,
            report: String::new(),
        };
        self.jobs.insert(number, job);
        self.changed.insert(number);
        Ok((number, true))
    }

    /// Takes a job back that was taken and has not begun: nobody was told of it.
    pub(crate) fn withdraw(&mut self, number: u64) {
        if self.jobs.get(&number).is_some_and(|job| job.state == JobState::Queued) {
            self.jobs.remove(&number);
            self.changed.insert(number);
        }
    }

    /// The jobs to begin now, most urgent first. They count as running from here on. What failed
    /// before is not tried again while `rests` says so of its client.
    pub(crate) fn start(&mut self, now: Moment, rests: impl Fn(&str) -> bool) -> Vec<u64> {
        let mut begun = Vec::new();
        let mut alone: HashSet<_> = self.running().flat_map(|job| job.work.alone()).collect();
        let processors = self.processors;
        let memory = |job: &Job| (job.class(), job.class().memory_mib(processors));
        let mut taken: Vec<(Class, u64)> = self.running().map(memory).collect();
        for class in Class::ALL {
            let running = self.running().filter(|job| job.class() == class).count();
            let mut room = self.limits.of(class).saturating_sub(running);
            for job in self.jobs.values_mut().filter(|job| job.class() == class) {
                if room == 0 {
                    break;
                }
                let keys = job.work.alone();
                if is_due(job, now, &rests) && !keys.iter().any(|key| alone.contains(key)) {
                    let wants = class.memory_mib(processors);
                    // The first of a class that is due waits for memory, and none goes before it.
                    if !self.limits.have_room(&taken, (class, wants), processors) {
                        break;
                    }
                    taken.push((class, wants));
                    alone.extend(keys);
                    begin(job, now);
                    begun.push(job.number);
                    room -= 1;
                }
            }
        }
        self.changed.extend(&begun);
        begun
    }

    /// How far a running job is.
    pub(crate) fn progress(&mut self, number: u64, done: u64, total: u64, now: Moment) {
        let Some(job) = self.jobs.get_mut(&number) else { return };
        if job.state != JobState::Running || (job.bytes_done, job.bytes_total) == (done, total) {
            return;
        }
        (job.bytes_done, job.bytes_total, job.moved) = (done, total, now.running);
        self.changed.insert(number);
    }

    /// An attempt is over.
    pub(crate) fn finish(&mut self, number: u64, ended: Ended, now: Moment) {
        let Some(job) = self.jobs.get_mut(&number) else { return };
        if job.state != JobState::Running {
            return;
        }
        (job.cause, job.next) = (String::new(), String::new());
        match ended {
            Ended::Done(result) => {
                (job.result, job.report) = (result.value, result.text);
                end(job, JobState::Done, now);
            }
            Ended::Warned(result, cause, next) => {
                (job.result, job.report) = (result.value, result.text);
                (job.cause, job.next) = (cause, next);
                end(job, JobState::Warned, now);
            }
            Ended::Stopped if job.anew && !job.stopping => job.state = JobState::Queued,
            Ended::Stopped => end(job, JobState::Cancelled, now),
            Ended::Failed { .. } if job.stopping => end(job, JobState::Cancelled, now),
            Ended::Failed { cause, next } => {
                (job.cause, job.next) = (cause, next);
                match job.next_attempt(now) {
                    Some(due) => job.state = JobState::Waiting { due },
                    None => end(job, JobState::Failed, now),
                }
            }
        }
        self.changed.insert(number);
        self.forget();
    }

    /// Somebody wants a job to end. Whether it runs, and has to be told.
    pub(crate) fn cancel(&mut self, number: u64, now: Moment) -> Result<bool, Refused> {
        let job = self.jobs.get_mut(&number).ok_or(Refused::Unknown { number })?;
        if job.state.is_over() {
            return Err(Refused::Over { number });
        }
        self.changed.insert(number);
        if job.state == JobState::Running {
            job.stopping = true;
            return Ok(true);
        }
        end(job, JobState::Cancelled, now);
        Ok(false)
    }

    /// Somebody wants copies to go on at another rate: the job that makes them, and whether it runs
    /// and has to be told, to begin anew. `None` if none makes any.
    pub(crate) fn set_rate(&mut self, rate: Option<NonZeroU64>) -> Option<(u64, bool)> {
        let mut found = None;
        for job in self.jobs.values_mut() {
            if job.state.is_over() || job.stopping || job.class() != Class::Resync {
                continue;
            }
            let runs = job.state == JobState::Running;
            let tell = runs && job.work.rate() != rate;
            job.work = job.work.at_rate(rate);
            job.anew |= tell;
            if !runs {
                job.state = JobState::Queued;
            }
            self.changed.insert(job.number);
            // Others wait until the one that runs is over.
            if runs || found.is_none() {
                found = Some((job.number, tell));
            }
        }
        found
    }

    /// When the next job that waits is due, in seconds of running time.
    pub(crate) fn next_due(&self) -> Option<u64> {
        let due = |job: &Job| match job.state {
            JobState::Waiting { due } => Some(due),
            _ => None,
        };
        self.jobs.values().filter_map(due).min()
    }

    pub(crate) fn get(&self, number: u64) -> Option<&Job> {
        self.jobs.get(&number)
    }

    /// All that are listed, oldest first.
    pub(crate) fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.jobs.values()
    }

    pub(crate) fn running(&self) -> impl Iterator<Item = &Job> {
        self.jobs.values().filter(|job| job.state == JobState::Running)
    }

    /// The jobs that changed since this was last asked; `None` for those that left the list.
    pub(crate) fn take_changed(&mut self) -> Vec<(u64, Option<Job>)> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().map(|number| (number, self.jobs.get(&number).cloned())).collect()
    }

    /// These have changed still: they could not be kept.
    pub(crate) fn not_kept(&mut self, numbers: impl Iterator<Item = u64>) {
        self.changed.extend(numbers);
    }

    /// Drops the oldest of what is over from the list.
    fn forget(&mut self) {
        let over: Vec<u64> =
            self.jobs.values().filter(|job| job.state.is_over()).map(|job| job.number).collect();
        for number in over.iter().take(over.len().saturating_sub(MAX_OVER)) {
            self.jobs.remove(number);
            self.changed.insert(*number);
        }
    }
}

fn is_due(job: &Job, now: Moment, rests: impl Fn(&str) -> bool) -> bool {
    match job.state {
        JobState::Queued => true,
        JobState::Waiting { due } => due <= now.running && !rests(&job.client),
        _ => false,
    }
}

fn begin(job: &mut Job, now: Moment) {
    job.state = JobState::Running;
    job.attempt += 1;
    job.anew = false;
    (job.started, job.moved) = (now, now.running);
    (job.bytes_done, job.bytes_total) = (0, 0);
}

fn end(job: &mut Job, state: JobState, now: Moment) {
    job.state = state;
    job.ended = now;
    if state == JobState::Cancelled {
        (job.cause, job.next) = ("somebody stopped it".to_owned(), String::new());
    }
}
