//! Read everything in the background, heal what one disk has wrong, and keep the place.
//!
//! Unlike a verify it may take weeks: it works for a share of the time, ends when told, and the
//! next run goes on where it was. What was written since the last run is read back first. How far
//! it is stands in the catalog, a row for each scrub. Once something is lost no row is written
//! before the user was told of it, so that a crash in between makes the next run find it again.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use catalog::Catalog;
use format::event::{EVENT_SCRUB, Event, ScrubRow};
use futures_executor::block_on;
use model::Bytes;
use record::{Progress, RecordError, RecordReader, TenantAccess};
use restore::{Broken, Depth, broken_points};
use serde_json::{Value, json};
use store::{Duty, ScrubPlace, ScrubRun, ScrubWhat, Scrubbed};

use crate::checked::{add, broken_json, broken_text, loss};
use crate::{Failure, OpenPool, TokioPacer, now, uptime};

/// How often the place is written down: what a crash makes a run read twice.
const KEEP_EVERY: Duration = Duration::from_secs(60);

/// How a scrub is to work.
#[derive(Debug, Clone)]
pub struct Scrub {
    /// The share of the time that it works, in percent, 1 to 100.
    pub duty: u32,
    /// When it ends and keeps the place.
    pub run_for: Option<Duration>,
    /// Read only what was written since it was last read back.
    pub new: bool,
}

impl Scrub {
    /// Goes on where the last run ended, and keeps the place where this one ends. What it found
    /// counts as told once the caller has the outcome.
    pub fn run(
        &self,
        pool: &OpenPool,
        access: &Arc<TenantAccess>,
        progress: &Progress,
        pacer: &TokioPacer<'_>,
    ) -> Result<ScrubOutcome, Failure> {
        let job = Job::begin(self, pool, access, progress, pacer)?;
        job.work()?;
        let broken = job.end(pool)?;
        Ok(job.outcome(broken))
    }
}

/// What a run of a scrub did and found.
#[derive(Debug)]
pub struct ScrubOutcome {
    number: u64,
    place: ScrubPlace,
    interrupted: bool,
    found: Scrubbed,
    segments: u64,
    healed: u64,
    broken: Vec<Broken>,
    seconds: f64,
}

impl ScrubOutcome {
    /// What is lost, or that somebody wanted it to stop.
    pub fn failure(&self) -> Option<Failure> {
        let interrupted = self.interrupted.then(|| {
            let next = "run it again: it goes on where it was";
            Failure::new("interrupted", next)
        });
        loss(self.found.lost.len() as u64, &self.broken).or(interrupted)
    }

    /// The recovery points that damage has touched.
    pub fn broken(&self) -> &[Broken] {
        &self.broken
    }

    /// Whether this run came to the end of all segments.
    pub fn is_done(&self) -> bool {
        self.place.is_done()
    }

    pub fn json(&self) -> Value {
        json!({
            "scrub": self.number,
            "done": self.place.is_done(),
            "next": self.place.next,
            "verified_below": self.place.verified_below,
            "segments": self.segments,
            "records": self.found.records,
            "bytes_read": self.found.bytes_read,
            "healed": self.healed,
            "damaged": self.found.damaged,
            "lost": self.found.lost.len(),
            "broken": broken_json(&self.broken),
            "seconds": self.seconds,
        })
    }

    pub fn text(&self) -> String {
        let seconds = self.seconds;
        let rate = Bytes((self.found.bytes_read as f64 / seconds.max(0.001)) as u64);
        let state = match self.place.is_done() {
            true => "done".to_owned(),
            false => format!("goes on at segment {}", self.place.next),
        };
        format!(
            "scrub {}: {state}; {} segments, {} read in {seconds:.1} s, {rate}/s\n\
             {} copies healed, {} records lost, {} places damaged and not healed{}",
            self.number,
            self.segments,
            Bytes(self.found.bytes_read),
            self.healed,
            self.found.lost.len(),
            self.found.damaged,
            broken_text(&self.broken),
        )
    }
}

/// One run of a scrub.
struct Job<'a> {
    access: &'a Arc<TenantAccess>,
    catalog: &'a Catalog,
    progress: &'a Progress,
    pacer: &'a TokioPacer<'a>,
    percent: u32,
    run: ScrubRun,
    what: ScrubWhat,
    ends: Option<Instant>,
    began: Instant,
    /// As the scrub was when this run began.
    before: ScrubRow,
    /// What the store had healed by then.
    healed_before: u64,
    found: Mutex<Found>,
}

#[derive(Default)]
struct Found {
    total: Scrubbed,
    segments: u64,
    kept: Option<Instant>,
}

impl Found {
    /// Whether anything cannot be given back: a record, or a list that says which there were.
    fn is_loss(&self) -> bool {
        !self.total.lost.is_empty() || self.total.unlisted > 0
    }
}

impl<'a> Job<'a> {
    fn begin(
        scrub: &Scrub,
        pool: &'a OpenPool,
        access: &'a Arc<TenantAccess>,
        progress: &'a Progress,
        pacer: &'a TokioPacer<'a>,
    ) -> Result<Self, Failure> {
        let began = Instant::now();
        let healed_before = pool.store.status().healed;
        let what = if scrub.new { ScrubWhat::New } else { ScrubWhat::All };
        let before = row_to_go_on(pool, what);
        let place = ScrubPlace { next: before.next, verified_below: before.verified_below };
        let mut total = Scrubbed::default();
        // What is not in segments belongs to the begin of a pass: it is little, and read at once.
        if place.next == ScrubPlace::START.next && what == ScrubWhat::All {
            total = block_on(pool.store.scrub_structures())?;
        }
        let run = block_on(ScrubRun::begin(&pool.store, place, what))?;
        progress.begin(run.bytes());
        let found = Mutex::new(Found { total, segments: 0, kept: Some(began) });
        let ends = scrub.run_for.and_then(|time| began.checked_add(time));
        let percent = scrub.duty;
        let catalog = &pool.catalog;
        Ok(Self {
            access,
            catalog,
            progress,
            pacer,
            percent,
            run,
            what,
            ends,
            began,
            before,
            healed_before,
            found,
        })
    }

    /// Takes segments until there are no more, the time is up, or somebody wants it to stop.
    fn work(&self) -> Result<(), RecordError> {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        // A share of the time is that of one worker. Otherwise one more than there are cores, to
        // work while others wait for the disk.
        let workers = if self.percent < 100 { 1 } else { cores + 1 };
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..workers).map(|_| scope.spawn(|| self.worker())).collect();
            let join = |worker: ScopedJoinHandle<'_, Result<(), RecordError>>| {
                worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            workers.into_iter().map(join).collect()
        });
        outcomes.into_iter().collect()
    }

    fn worker(&self) -> Result<(), RecordError> {
        let mut reader = RecordReader::new(self.access)?;
        while !self.progress.stopped() && !self.is_over() {
            let duty = Duty::percent(self.percent, self.pacer);
            let step = self.run.step(duty, |view| reader.check_seal(view));
            let Some(one) = block_on(step)? else { return Ok(()) };
            self.progress.advance(one.bytes_read, 0);
            let due = {
                let mut found = self.found();
                add(&mut found.total, one);
                found.segments += 1;
                let due =
                    found.kept.is_some_and(|kept| kept.elapsed() >= KEEP_EVERY) && !found.is_loss();
                if due {
                    found.kept = Some(Instant::now());
                }
                due
            };
            if due {
                self.keep()?;
            }
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.ends.is_some_and(|ends| Instant::now() >= ends)
    }

    /// Writes down how far the scrub is, durably.
    fn keep(&self) -> Result<(), RecordError> {
        let clock = self.catalog.clock_event(uptime(), now());
        let scrub = Event::Scrub(self.row()).encode();
        block_on(self.access.store().commit(vec![clock, scrub]))?;
        Ok(())
    }

    /// The scrub as it is now.
    fn row(&self) -> ScrubRow {
        let ScrubPlace { next, verified_below } = self.run.place();
        let found = self.found();
        let before = &self.before;
        ScrubRow {
            age: self.catalog.age(uptime()),
            wall: now(),
            next,
            verified_below,
            bytes_read: before.bytes_read + found.total.bytes_read,
            healed: before.healed + self.healed(),
            damaged: before.damaged + found.total.damaged,
            lost: before.lost + found.total.lost.len() as u64,
            ..*before
        }
    }

    /// Writes down how far the scrub is, and finds the recovery points that damage has touched.
    fn end(&self, pool: &OpenPool) -> Result<Vec<Broken>, RecordError> {
        let lost = self.found().total.lost.clone();
        let ended = self.what == ScrubWhat::All && self.run.place().is_done();
        let is_loss = self.found().is_loss();
        if !is_loss {
            self.keep()?;
        }
        if !is_loss && !ended {
            return Ok(Vec::new());
        }
        // Who wanted the reading to stop still wants to know what is lost.
        let unstopped = Progress::default();
        let progress = if self.progress.stopped() { &unstopped } else { self.progress };
        let points = pool.catalog.points();
        let broken = block_on(broken_points(self.access, points, &lost, Depth::Records, progress))?;
        if is_loss {
            block_on(pool.store.forget(&lost))?;
            self.keep()?;
        }
        Ok(broken)
    }

    fn outcome(self, broken: Vec<Broken>) -> ScrubOutcome {
        let (place, healed) = (self.run.place(), self.healed());
        let found = self.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        ScrubOutcome {
            number: self.before.number,
            place,
            interrupted: self.progress.stopped(),
            found: found.total,
            segments: found.segments,
            healed,
            broken,
            seconds: self.began.elapsed().as_secs_f64(),
        }
    }

    /// Copies that this run has put right: each was read again afterwards.
    fn healed(&self) -> u64 {
        self.access.store().status().healed.saturating_sub(self.healed_before)
    }

    fn found(&self) -> std::sync::MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The row of the scrub that a run goes on with: the last if it is not done, or if only what is
/// new is read; else the next one's.
fn row_to_go_on(pool: &OpenPool, what: ScrubWhat) -> ScrubRow {
    let age = pool.age();
    let last = pool.catalog.scrubs().pop();
    match last {
        Some(last) if last.next != 0 || what == ScrubWhat::New => ScrubRow { age, ..last },
        last => ScrubRow {
            kind: EVENT_SCRUB,
            reserved: [0; 7],
            number: last.map_or(1, |last| last.number + 1),
            begun: age,
            age,
            wall: now(),
            next: ScrubPlace::START.next,
            bytes_read: 0,
            healed: 0,
            damaged: 0,
            lost: 0,
            verified_below: last
                .map_or(ScrubPlace::START.verified_below, |last| last.verified_below.max(1)),
        },
    }
}

/// All scrubs of a pool, oldest first: one JSON object, and a line for each.
pub fn scrub_history(rows: &[ScrubRow]) -> (Value, String) {
    let values: Vec<Value> = rows.iter().map(row_json).collect();
    let text = match rows.is_empty() {
        true => "no scrub has been run".to_owned(),
        false => rows.iter().map(row_text).collect::<Vec<_>>().join("\n"),
    };
    (json!({ "scrubs": values }), text)
}

fn row_json(row: &ScrubRow) -> Value {
    json!({
        "scrub": row.number,
        "done": row.next == 0,
        "next": row.next,
        "verified_below": row.verified_below,
        "begun_age": row.begun,
        "age": row.age,
        "at": row.wall.0,
        "bytes_read": row.bytes_read,
        "healed": row.healed,
        "damaged": row.damaged,
        "lost": row.lost,
    })
}

fn row_text(row: &ScrubRow) -> String {
    let state = match row.next {
        0 => "done".to_owned(),
        next => format!("at segment {next}"),
    };
    format!(
        "{:>4}  {}  {state:<18}  {:>10} read  {} healed  {} damaged  {} lost",
        row.number,
        row.wall,
        Bytes(row.bytes_read).to_string(),
        row.healed,
        row.damaged,
        row.lost
    )
}
