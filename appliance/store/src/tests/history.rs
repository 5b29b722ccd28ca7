//! Sequences of operations on a store, run against its model.

use std::sync::Arc;

use disk::Disk;
use disk::sim::{SimMachine, SimRng};
use futures_util::future::join_all;

use super::disks::{Pace, PacedDisk, pause};
use super::emptying::put;
use super::fixture::{Events, SAMPLES, SMALL, create, event, keys, open, writer_keys};
use super::model::{Found, Model};
use super::verbatim::Verbatim;
use crate::locality::Reading;
use crate::{Admission, NewRecord, OpenOptions, ReclaimOptions, SegmentWriter, Store, StoreError};
use format::segment::RecordKind;
use model::Digest;

/// A disk that keeps so little that most of what lies out of order is read again.
const READING: Reading = Reading { unit_bytes: 2 << 10, units_kept: 2 };

/// One thing done to a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    /// Append this record with this writer.
    Append {
        writer: usize,
        number: usize,
    },
    /// Commit an event of about this many bytes, or none.
    Commit {
        bytes: Option<usize>,
    },
    Settle,
    SetKeys,
    /// Close and open.
    Close,
    /// Open again without closing: as after the end of the process.
    Kill,
    /// Several tasks append and commit at once.
    Together {
        seed: u64,
    },
    /// Reclaim all but some of the records, while somebody else finds and appends.
    Reclaim {
        seed: u64,
    },
    /// Free what was retired.
    Release,
    /// Append many small records and commit them with a large event: more than a log record holds.
    Burst,
    /// Read all that is there from every disk.
    Scrub,
    /// The second disk of a mirror is gone; the first goes on alone. Not among the random ones.
    Lose,
    /// The second disk comes back and gets what it lacks. Not among the random ones.
    Return,
}

impl Op {
    /// Any of them.
    pub(super) fn random(rng: &mut SimRng) -> Self {
        let number = rng.below(SAMPLES.len() as u64) as usize;
        match rng.below(100) {
            0..38 => Self::Append { writer: rng.below(2) as usize, number },
            38..40 => Self::Reclaim { seed: rng.next_u64() },
            40..42 => Self::Release,
            42..72 => {
                let sizes = [4, 40, 400, 2500, 3900];
                let bytes = sizes[rng.below(sizes.len() as u64) as usize];
                Self::Commit { bytes: rng.chance(0.8).then_some(bytes) }
            }
            72..78 => Self::Settle,
            78..80 => Self::SetKeys,
            80..84 => Self::Close,
            84..89 => Self::Kill,
            89 => Self::Burst,
            _ => Self::Together { seed: rng.next_u64() },
        }
    }
}

/// A store with its model.
pub(super) struct Runner {
    pub(super) machine: SimMachine,
    /// What the pool is opened on again.
    disks: Vec<Arc<dyn Disk>>,
    pub(super) model: Model,
    pub(super) store: Store,
    pub(super) events: Arc<Events>,
    writers: Vec<SegmentWriter>,
    pace: Pace,
    seed: u64,
}

impl Runner {
    /// A new pool.
    pub(super) async fn create(machine: &SimMachine, seed: u64) -> Result<Self, String> {
        Self::create_on(machine, machine.disks(), seed).await
    }

    /// A new pool on some of the disks.
    pub(super) async fn create_on(
        machine: &SimMachine,
        disks: Vec<Arc<dyn Disk>>,
        seed: u64,
    ) -> Result<Self, String> {
        let pace = Pace::default();
        let created = create(paced(&disks, &pace, seed), seed).await;
        let (store, events) = created.map_err(|error| format!("creating: {error}"))?;
        let mut runner = Self {
            machine: machine.clone(),
            disks,
            model: Model::new(),
            store: store.clone(),
            events,
            writers: Vec::new(),
            pace,
            seed,
        };
        runner.take(store);
        Ok(runner)
    }

    /// A pool that was found on disks after a power failure.
    pub(super) fn resume(machine: &SimMachine, model: Model, found: Found, seed: u64) -> Self {
        Self::resume_on(machine, machine.disks(), model, found, seed)
    }

    /// As [`resume`](Self::resume), with some of the disks.
    pub(super) fn resume_on(
        machine: &SimMachine,
        disks: Vec<Arc<dyn Disk>>,
        model: Model,
        found: Found,
        seed: u64,
    ) -> Self {
        let mut runner = Self {
            machine: machine.clone(),
            disks,
            model,
            events: found.journal,
            store: found.store.clone(),
            writers: Vec::new(),
            pace: Pace::default(),
            seed,
        };
        runner.take(found.store);
        runner
    }

    fn take(&mut self, store: Store) {
        self.writers.clear();
        self.writers.extend((0..2).map(|tenant| store.writer(writer_keys(tenant))));
        self.store = store;
    }

    fn now(&self) -> usize {
        self.machine.event_count()
    }

    /// Does all of these.
    pub(super) async fn run(&mut self, ops: &[Op]) -> Result<(), String> {
        for op in ops {
            self.step(*op).await.map_err(|error| format!("{op:?}: {error}"))?;
        }
        self.model.set_order(self.events.list());
        Ok(())
    }

    async fn step(&mut self, op: Op) -> Result<(), String> {
        let task = Task { machine: &self.machine, model: &self.model, store: &self.store };
        match op {
            Op::Append { writer, number } => task.append(&mut self.writers[writer], number).await,
            Op::Commit { bytes } => task.commit(bytes).await,
            Op::Settle => allow_full(self.store.settle().await),
            Op::SetKeys => {
                let generation = self.model.begin_keys(self.now());
                let set = self.store.set_keys(&keys(generation)).await;
                if set.is_ok() {
                    self.model.end_keys(self.now());
                }
                allow_full(set)
            }
            Op::Close => {
                let (commit, _) = self.model.begin_commit(false, self.now());
                let closed = self.store.clone().close().await;
                if closed.is_ok() {
                    self.model.end_commit(commit, self.now());
                }
                allow_full(closed)?;
                self.reopen(OpenOptions::default()).await
            }
            Op::Kill => self.reopen(OpenOptions::default()).await,
            Op::Together { seed } => self.together(seed).await,
            Op::Reclaim { seed } => self.reclaim(seed).await,
            Op::Release => allow_full(self.store.release_retired(u64::MAX).await.map(drop)),
            Op::Burst => {
                for number in SMALL {
                    task.append(&mut self.writers[number % 2], number).await?;
                }
                task.commit(Some(3980)).await
            }
            Op::Scrub => self.scrub().await,
            Op::Lose => self.lose().await,
            Op::Return => self.take_back().await,
        }
    }

    /// Nothing is lost or was bad, whatever a writer still has in memory.
    async fn scrub(&self) -> Result<(), String> {
        let healed = self.store.status().healed;
        for segment in self.store.segment_list() {
            let found = self.store.scrub_segment(segment, |_| true).await;
            let found = found.map_err(|error| error.to_string())?;
            if !found.lost.is_empty() || found.damaged > 0 {
                return Err(format!("{segment}: {found:?}"));
            }
        }
        match self.store.status().healed - healed {
            0 => Ok(()),
            bad => Err(format!("{bad} copies were bad")),
        }
    }

    async fn lose(&mut self) -> Result<(), String> {
        if self.disks.len() < 2 {
            return Ok(());
        }
        self.reopen_on(vec![self.machine.disk(0)]).await?;
        let task = Task { machine: &self.machine, model: &self.model, store: &self.store };
        let before = self.model.acknowledged();
        task.commit(None).await?;
        if self.model.acknowledged() > before {
            return Ok(());
        }
        // A full pool could not write down that it goes on alone.
        self.set_disks(self.machine.disks());
        self.reopen(OpenOptions::default()).await
    }

    async fn take_back(&mut self) -> Result<(), String> {
        let all = self.machine.disks();
        let Some(second) = all.get(1).filter(|_| self.disks.len() == 1).cloned() else {
            return Ok(());
        };
        match self.store.admit(second, Admission::Return, false).await {
            Ok(_) => self.set_disks(all),
            Err(error) => return allow_full(Err(error)),
        }
        allow_full(self.store.resync(crate::Pace::default(), |_| true).await.map(drop))
    }

    /// Whether disks take their time from here on.
    pub(super) fn pace(&self, slow: bool) {
        self.pace.set(slow);
    }

    /// The pool is opened on these disks from here on.
    pub(super) fn set_disks(&mut self, disks: Vec<Arc<dyn Disk>>) {
        self.disks = disks;
    }

    /// As after the end of the process, on some of the disks.
    pub(super) async fn reopen_on(&mut self, disks: Vec<Arc<dyn Disk>>) -> Result<(), String> {
        self.set_disks(disks);
        self.reopen(OpenOptions { allow_missing: true, ..OpenOptions::default() }).await
    }

    async fn reopen(&mut self, options: OpenOptions) -> Result<(), String> {
        self.model.set_order(self.events.list());
        self.seed += 1;
        let disks = paced(&self.disks, &self.pace, self.seed);
        let opened = open(disks, options, self.seed).await;
        let (opened, events) = opened.map_err(|error| format!("opening again: {error}"))?;
        self.model.compare(opened.store.clone(), &events, self.now()).await?;
        self.model.dropped();
        self.events = events;
        self.take(opened.store);
        Ok(())
    }

    /// Reclaims all but some of the records while nobody else does anything; from `begun` on.
    pub(super) async fn reclaim_alone(
        &mut self,
        rng: &mut SimRng,
        begun: impl FnOnce(),
    ) -> Result<(), String> {
        let needed = self.needed(rng);
        let task = Task { machine: &self.machine, model: &self.model, store: &self.store };
        let points = task.points(&needed, rng).await?;
        task.commit(None).await?;
        begun();
        task.reclaim(&needed, &points, rng).await
    }

    /// Reclaims everything while nobody else does anything.
    pub(super) async fn reclaim_all(&mut self) -> Result<(), String> {
        self.model.begin_reclaim(&[], self.now());
        let task = Task { machine: &self.machine, model: &self.model, store: &self.store };
        task.reclaim(&[], &[], &mut SimRng::new(0)).await
    }

    fn needed(&self, rng: &mut SimRng) -> Vec<usize> {
        let mut needed = self.model.numbers();
        needed.retain(|_| rng.chance(0.6));
        self.model.begin_reclaim(&needed, self.now());
        needed
    }

    async fn reclaim(&mut self, seed: u64) -> Result<(), String> {
        let mut rng = SimRng::new(seed);
        let needed = self.needed(&mut rng);
        let task = Task { machine: &self.machine, model: &self.model, store: &self.store };
        self.pace.set(true);
        let lease = self.store.lease(Vec::new());
        let user = async {
            let outcome = task.ingest(&mut self.writers[0], &mut rng).await;
            drop(lease);
            outcome
        };
        let mut other = SimRng::new(seed ^ 0x0dd);
        let reclaim = async {
            let points = task.points(&needed, &mut other).await?;
            task.reclaim(&needed, &points, &mut other).await
        };
        let outcomes = futures_util::future::join(reclaim, user).await;
        self.pace.set(false);
        outcomes.0.and(outcomes.1)
    }

    async fn together(&mut self, seed: u64) -> Result<(), String> {
        self.pace.set(true);
        let task = Task { machine: &self.machine, model: &self.model, store: &self.store };
        let tasks = self.writers.iter_mut().zip(seed..).map(|(writer, seed)| async move {
            let mut rng = SimRng::new(seed);
            for _ in 0..1 + rng.below(4) {
                pause(rng.below(12)).await;
                task.append(writer, rng.below(SAMPLES.len() as u64) as usize).await?;
                if rng.chance(0.6) {
                    let bytes = 40 + rng.below(3500) as usize;
                    task.commit(rng.chance(0.8).then_some(bytes)).await?;
                }
            }
            Ok(())
        });
        let outcomes = join_all(tasks).await;
        self.pace.set(false);
        outcomes.into_iter().collect()
    }
}

/// What one task works with.
#[derive(Clone, Copy)]
struct Task<'a> {
    machine: &'a SimMachine,
    model: &'a Model,
    store: &'a Store,
}

impl Task<'_> {
    async fn append(&self, writer: &mut SegmentWriter, number: usize) -> Result<(), String> {
        let sample = &SAMPLES[number];
        let append = self.model.begin_append(number, self.machine.event_count());
        let place = match writer.place(sample.stored.len()).await {
            Ok(place) => place,
            Err(error) => return allow_full(Err(error)),
        };
        self.model.placed(append, place)?;
        let (digest, refs, stored) = (sample.digest, sample.refs, &sample.stored[..]);
        match writer.append(NewRecord { kind: RecordKind::Chunk, digest, refs, stored }).await {
            Ok(()) => {
                self.model.end_append(append);
                Ok(())
            }
            Err(error) => allow_full(Err(error)),
        }
    }

    /// As an ingest does: what is there is not appended, and counts on being there.
    async fn ingest(&self, writer: &mut SegmentWriter, rng: &mut SimRng) -> Result<(), String> {
        for _ in 0..1 + rng.below(8) {
            pause(rng.below(30)).await;
            let number = rng.below(SAMPLES.len() as u64) as usize;
            let digest = &SAMPLES[number].digest;
            if self.store.contains(digest).await.map_err(|error| error.to_string())? {
                let found = self.model.begin_append(number, self.machine.event_count());
                self.model.end_append(found);
            } else {
                self.append(writer, number).await?;
            }
        }
        self.commit(Some(40)).await
    }

    async fn reclaim(
        &self,
        needed: &[usize],
        points: &[Digest],
        rng: &mut SimRng,
    ) -> Result<(), String> {
        let run = async {
            let marking = self.store.begin_reclaim();
            let needed = needed.iter().map(|number| SAMPLES[*number].digest);
            let roots = needed.chain(points.iter().copied()).collect();
            let mut reclaim = marking.mark(roots, &mut |_| true).await?;
            let most_moved_bytes = if rng.chance(0.8) { u64::MAX } else { rng.below(100_000) };
            let least_dead_percent = if rng.chance(0.7) { 1 } else { 60 };
            let options = ReclaimOptions { least_dead_percent, most_moved_bytes, age: 0 };
            reclaim.arrange_for(READING, points, &options, &mut |_| true).await?;
            let mut resealer = Verbatim { machine: self.machine, model: self.model };
            reclaim.run(&options, &mut resealer, &mut |_| true).await
        };
        allow_full(run.await.map(drop))
    }

    /// Records that refer to some of these in any order: what reads them in that order finds them
    /// scattered. None in a full pool.
    async fn points(&self, needed: &[usize], rng: &mut SimRng) -> Result<Vec<Digest>, String> {
        let mut writer = self.store.writer(writer_keys(0));
        let mut points = Vec::new();
        for _ in 0..rng.below(3) {
            let mut some: Vec<(u64, Digest)> = needed
                .iter()
                .map(|number| (rng.next_u64(), SAMPLES[*number].digest))
                .filter(|(order, _)| order % 4 > 0)
                .collect();
            some.sort_unstable();
            let some: Vec<Digest> = some.into_iter().map(|(_, digest)| digest).collect();
            match put(&mut writer, RecordKind::Leaf, &some, rng.next_u64()).await {
                Ok(point) => points.push(point),
                Err(error) => allow_full(Err(error))?,
            }
        }
        Ok(points)
    }

    async fn commit(&self, bytes: Option<usize>) -> Result<(), String> {
        let now = self.machine.event_count();
        let (commit, number) = self.model.begin_commit(bytes.is_some(), now);
        let events = bytes.map(|bytes| event(number, bytes));
        match self.store.commit(events.into_iter().collect()).await {
            Ok(_) => {
                self.model.end_commit(commit, self.machine.event_count());
                Ok(())
            }
            Err(error) => allow_full(Err(error)),
        }
    }
}

/// A full pool says so; that is no failure.
fn allow_full(result: crate::Result<()>) -> Result<(), String> {
    match result {
        Ok(()) | Err(StoreError::Full) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

fn paced(disks: &[Arc<dyn Disk>], pace: &Pace, seed: u64) -> Vec<Arc<dyn Disk>> {
    let disks = disks.iter().zip(seed..);
    disks.map(|(disk, seed)| PacedDisk::over(disk.clone(), pace, seed)).collect()
}
