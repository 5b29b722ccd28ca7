//! Going through many seeds with all cores.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use super::fixture::first_seed;

/// Runs `round` with one seed after the other until it has counted so many states for a goal.
///
/// # Panics
/// With its seed, when a round fails.
pub(super) fn campaign(
    goal: &str,
    wanted: usize,
    round: fn(u64, &AtomicUsize) -> Result<(), String>,
) {
    let (begin, states) = (Instant::now(), AtomicUsize::new(0));
    let (next_seed, failures) = (AtomicU64::new(first_seed()), Mutex::new(Vec::new()));
    let goes_on = || states.load(Ordering::Relaxed) < wanted && failures.lock().unwrap().is_empty();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while goes_on() {
                    let seed = next_seed.fetch_add(1, Ordering::Relaxed);
                    if let Err(error) = round(seed, &states) {
                        failures.lock().unwrap().push(format!("seed {seed}: {error}"));
                    }
                }
            });
        }
    });
    let rounds = next_seed.load(Ordering::Relaxed) - first_seed();
    let (states, seconds) = (states.load(Ordering::Relaxed), begin.elapsed().as_secs_f64());
    let rate = states as f64 / seconds;
    println!("{goal}: {states} states of {rounds} histories, {rate:.0} a second");
    assert_eq!(failures.into_inner().unwrap(), Vec::<String>::new());
}
