//! `holdfast scrub`: read everything in the background, heal what one disk has wrong, and keep the
//! place.
//!
//! Unlike `verify` it may take weeks: it works for a share of the time, ends when told, and the
//! next run goes on where it was. What was written since the last run is read back first. How far
//! it is stands in the catalog, a row for each scrub. Once something is lost no row is written
//! before the user was told of it, so that a crash in between makes the next run find it again.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use catalog::Catalog;
use disk::Access;
use format::event::{EVENT_SCRUB, Event, ScrubRow};
use futures_executor::block_on;
use model::Bytes;
use record::{Progress, RecordError, RecordReader, TenantAccess};
use restore::{Broken, Depth, broken_points};
use serde_json::{Value, json};
use store::{Duty, ScrubPlace, ScrubRun, ScrubWhat, Scrubbed};

use crate::access::{OpenPool, now};
use crate::arguments::Scrub;
use crate::checked::{add, broken_json, broken_text, loss};
use crate::failure::Failure;
use crate::interrupt;
use crate::output::Output;
use crate::pacer::TokioPacer;
use crate::progress::shown;
use crate::uptime::uptime;

/// How often the place is written down: what a crash makes a run read twice.
const KEEP_EVERY: Duration = Duration::from_secs(60);

pub(crate) fn run(arguments: &Scrub, output: &Output) -> Result<(), Failure> {
    if arguments.history {
        return history(arguments, output);
    }
    let pool = OpenPool::open(&arguments.pool, Access::ReadWrite, output)?;
    let access = pool.unlock(&arguments.unlock)?;
    let (runtime, progress) = interrupt::stoppable()?;
    let handle = runtime.handle().clone();
    let pacer = TokioPacer::new(handle, &progress);
    let job = Job::begin(arguments, &pool, &access, &progress, &pacer)?;
    let worked = shown(output, "scrub", &progress, || job.work());
    let outcome = worked.and_then(|()| job.end(&pool));
    let closed = pool.close();
    let broken = outcome?;
    closed?;
    pool.tell_failed_disks(output);
    job.tell(&broken, output)
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
        arguments: &Scrub,
        pool: &'a OpenPool,
        access: &'a Arc<TenantAccess>,
        progress: &'a Progress,
        pacer: &'a TokioPacer<'a>,
    ) -> Result<Self, Failure> {
        let began = Instant::now();
        let what = if arguments.new { ScrubWhat::New } else { ScrubWhat::All };
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
        let ends = arguments.run_for.and_then(|time| began.checked_add(time));
        let percent = arguments.duty;
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
        let is_loss = self.found().is_loss();
        let ended = self.what == ScrubWhat::All && self.run.place().is_done();
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

    fn tell(&self, broken: &[Broken], output: &Output) -> Result<(), Failure> {
        let value = self.to_json(broken);
        let text = || self.to_text(broken);
        let interrupted = (self.progress.stopped()).then(|| {
            let next = "run it again: it goes on where it was";
            Failure::new("interrupted", next)
        });
        let lost = self.found().total.lost.len() as u64;
        let Some(failure) = loss(lost, broken).or(interrupted) else {
            output.result(&value, text);
            return Ok(());
        };
        output.before_failure(text);
        Err(failure.with(value))
    }

    fn to_json(&self, broken: &[Broken]) -> Value {
        let place = self.run.place();
        let found = self.found();
        json!({
            "scrub": self.before.number,
            "done": place.is_done(),
            "next": place.next,
            "verified_below": place.verified_below,
            "segments": found.segments,
            "records": found.total.records,
            "bytes_read": found.total.bytes_read,
            "healed": self.healed(),
            "damaged": found.total.damaged,
            "lost": found.total.lost.len(),
            "broken": broken_json(broken),
            "seconds": self.began.elapsed().as_secs_f64(),
        })
    }

    fn to_text(&self, broken: &[Broken]) -> String {
        let place = self.run.place();
        let found = self.found();
        let seconds = self.began.elapsed().as_secs_f64();
        let rate = Bytes((found.total.bytes_read as f64 / seconds.max(0.001)) as u64);
        let state = match place.is_done() {
            true => "done".to_owned(),
            false => format!("goes on at segment {}", place.next),
        };
        format!(
            "scrub {}: {state}; {} segments, {} read in {seconds:.1} s, {rate}/s\n\
             {} copies healed, {} records lost, {} places damaged and not healed{}",
            self.before.number,
            found.segments,
            Bytes(found.total.bytes_read),
            self.healed(),
            found.total.lost.len(),
            found.total.damaged,
            broken_text(broken),
        )
    }

    /// Copies that this run has put right: each was read again afterwards.
    fn healed(&self) -> u64 {
        self.access.store().status().healed
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

/// Lists the scrubs, oldest first.
fn history(arguments: &Scrub, output: &Output) -> Result<(), Failure> {
    let pool = OpenPool::open(&arguments.pool, Access::ReadOnly, output)?;
    let rows = pool.catalog.scrubs();
    let value = |row: &ScrubRow| {
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
    };
    let line = |row: &ScrubRow| {
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
    };
    let values: Vec<Value> = rows.iter().map(value).collect();
    output.result(&json!({ "scrubs": values }), || match rows.is_empty() {
        true => "no scrub has been run".to_owned(),
        false => rows.iter().map(line).collect::<Vec<_>>().join("\n"),
    });
    Ok(())
}
