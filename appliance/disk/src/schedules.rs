//! Runs a test under many schedules: at each lock, each shared flag and each operation of a
//! simulated disk, somebody decides which task goes on.
//!
//! Half of the schedules choose at random, the others by PCT (Burckhardt and others, 2010), which
//! finds any bug that needs `d` tasks to be held up at the right moment with a chance that it
//! states. A task that waits for ever ends the test, as does any panic. Both print the schedule;
//! `HOLDFAST_SCHEDULE` replays it. `HOLDFAST_SEED` and `HOLDFAST_STATES_PERCENT` choose others, and
//! more of them.

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Instant;

use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler, Scheduler};
use shuttle::{Config, FailurePersistence, Runner};

/// Moments at which PCT holds up the task that it likes best, for schedules in turn.
const DEPTHS: [usize; 3] = [1, 2, 4];

/// Bytes of the stack of a task: futures of a store are large.
const STACK_BYTES: usize = 256 << 10;

/// Schedules of one kind that one thread goes through in one go.
const GO: usize = 500;

/// Others may have their turn now, whoever schedules.
pub async fn turn() {
    let mut had = false;
    std::future::poll_fn(|context| match std::mem::replace(&mut had, true) {
        true => Poll::Ready(()),
        false => {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

/// Others have as many turns as chance has it, fewer than `most`: what comes then comes at any
/// moment of what they do.
pub async fn some_turns(most: usize) {
    for _ in 0..thread_rng().gen_range(0..most) {
        turn().await;
    }
}

/// Runs `test` under so many schedules, scaled by `HOLDFAST_STATES_PERCENT`.
///
/// # Panics
/// When it panics or hangs under one of them, which has been printed then.
pub fn explore(schedules: usize, test: fn()) {
    if let Ok(schedule) = env::var("HOLDFAST_SCHEDULE") {
        let replay = ReplayScheduler::new_from_encoded(&schedule);
        run(replay, FailurePersistence::None, test);
        return;
    }
    let (begin, count) = (Instant::now(), schedules * number("HOLDFAST_STATES_PERCENT", 100) / 100);
    let (first, next) = (number("HOLDFAST_SEED", 0), Arc::new(AtomicUsize::new(0)));
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let threads: Vec<_> = (0..threads)
        .map(|_| {
            let next = next.clone();
            thread::spawn(move || {
                loop {
                    let at = next.fetch_add(GO, Ordering::Relaxed);
                    if at >= count {
                        return;
                    }
                    let seed = (first + at) as u64;
                    go(seed, at / GO, GO.min(count - at), FailurePersistence::Print, test);
                }
            })
        })
        .collect();
    for thread in threads {
        if let Err(failure) = thread.join() {
            eprintln!("HOLDFAST_SCHEDULE=<the schedule above> and the name of the test replay it");
            resume_unwind(failure);
        }
    }
    println!("R13: {count} schedules in {:.1} s", begin.elapsed().as_secs_f64());
}

/// Runs `test` until it panics or hangs under some schedule: under which one that was, or `None`
/// if it did not within so many.
pub fn finds(within: usize, test: fn()) -> Option<usize> {
    let begun = Arc::new(AtomicUsize::new(0));
    let counted = begun.clone();
    let count = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        test();
    };
    let first = number("HOLDFAST_SEED", 0);
    (0..within.div_ceil(GO)).find_map(|round| {
        let seed = (first + round * GO) as u64;
        let silent = FailurePersistence::None;
        let outcome = catch_unwind(AssertUnwindSafe(|| go(seed, round, GO, silent, count.clone())));
        outcome.err().map(|_| begun.load(Ordering::Relaxed))
    })
}

/// Goes through some schedules of the kind whose turn it is.
fn go(
    seed: u64,
    turn: usize,
    schedules: usize,
    print: FailurePersistence,
    test: impl Fn() + Send + Sync + 'static,
) {
    if turn.is_multiple_of(2) {
        run(RandomScheduler::new_from_seed(seed, schedules), print, test);
    } else {
        let depth = DEPTHS.get(turn / 2 % DEPTHS.len()).copied().unwrap_or(1);
        run(PctScheduler::new_from_seed(seed, depth, schedules), print, test);
    }
}

fn run(
    scheduler: impl Scheduler + 'static,
    print: FailurePersistence,
    test: impl Fn() + Send + Sync + 'static,
) {
    let mut config = Config::new();
    config.stack_size = STACK_BYTES;
    config.failure_persistence = print;
    config.silence_warnings = true;
    Runner::new(scheduler, config).run(test);
}

fn number(variable: &str, otherwise: usize) -> usize {
    env::var(variable).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}
