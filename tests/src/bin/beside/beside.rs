//! What runs beside the ingest, as a daemon would run it: for a share of the time.

use std::thread;
use std::time::{Duration, Instant};

use futures_executor::block_on;
use record::{RecordMover, RecordReader};
use store::{Duty, Pace, Pacer, PacerFuture, ReclaimOptions, ScrubPlace, ScrubRun, ScrubWhat};

use crate::Other;
use crate::pool::{Opened, UPTIME};

/// As `holdfast reclaim` has it.
const LEAST_DEAD_PERCENT: u32 = 20;

/// Real time, on a thread that has nothing else to do.
struct Resting(Instant);

impl Pacer for Resting {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, time: Duration) -> PacerFuture<'_> {
        thread::sleep(time);
        Box::pin(std::future::ready(()))
    }
}

/// `percent` is the share of the time while the ingest runs; it is all of it afterwards.
pub(crate) fn run(opened: &Opened, what: Other, percent: u32) {
    let pacer = Resting(Instant::now());
    let duty = Duty::beside(percent, &pacer);
    match what {
        Other::Nothing => {}
        Other::Reclaim => reclaim(opened, duty),
        Other::Scrub => scrub(opened, duty),
        Other::Resync => resync(opened, &pacer),
    }
}

fn reclaim(opened: &Opened, duty: Duty<'_>) {
    let options = ReclaimOptions {
        least_dead_percent: LEAST_DEAD_PERCENT,
        most_moved_bytes: u64::MAX,
        age: opened.catalog.age(UPTIME),
    };
    let marking = opened.store.begin_reclaim().at(duty);
    let roots = opened.catalog.points().iter().map(|point| point.record).collect();
    let reclaim = block_on(marking.mark(roots, &mut |_| true)).unwrap();
    let mut mover = RecordMover::new(std::slice::from_ref(&opened.access)).unwrap();
    let done = block_on(reclaim.run(&options, &mut mover, &mut |_| true)).unwrap();
    assert!(done.retired_segments > 0, "there was nothing to reclaim");
}

fn scrub(opened: &Opened, duty: Duty<'_>) {
    let mut reader = RecordReader::new(&opened.access).unwrap();
    let run = block_on(ScrubRun::begin(&opened.store, ScrubPlace::START, ScrubWhat::All)).unwrap();
    while block_on(run.step(duty, |view| reader.check_seal(view))).unwrap().is_some() {}
}

fn resync(opened: &Opened, pacer: &Resting) {
    let done = block_on(opened.store.resync(Pace::gentle(pacer), |_| true)).unwrap();
    assert!(done.complete && done.copied > 0, "there was nothing to copy");
}
