//! Going through many seeds with all cores.

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use super::fixture::first_seed;

/// Does `work` with one item after the other until one fails. Gives the failures with their items,
/// those that panicked included; what they said has been printed then.
pub(super) fn on_all_cores<T: Debug + Send>(
    what: &str,
    items: impl Iterator<Item = T> + Send,
    work: impl Fn(&T) -> Result<(), String> + Sync,
) -> Vec<String> {
    let (items, failures) = (Mutex::new(items), Mutex::new(Vec::new()));
    let next = || {
        let goes_on = failures.lock().unwrap().is_empty();
        goes_on.then(|| items.lock().unwrap().next()).flatten()
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(item) = next() {
                    let outcome = catch_unwind(AssertUnwindSafe(|| work(&item)));
                    if let Err(error) = outcome.unwrap_or_else(|_| Err("panicked".to_owned())) {
                        failures.lock().unwrap().push(format!("{what} {item:?}: {error}"));
                    }
                }
            });
        }
    });
    failures.into_inner().unwrap()
}

/// Runs `round` with one seed after the other until it has counted so many states for a goal.
///
/// # Panics
/// With its seed, when a round fails.
pub(super) fn campaign(
    goal: &str,
    wanted: usize,
    round: impl Fn(u64, &AtomicUsize) -> Result<(), String> + Sync,
) {
    let (begin, states, rounds) = (Instant::now(), AtomicUsize::new(0), AtomicU64::new(0));
    let seeds = (first_seed()..).take_while(|_| states.load(Ordering::Relaxed) < wanted);
    let failures = on_all_cores("seed", seeds, |seed| {
        rounds.fetch_add(1, Ordering::Relaxed);
        round(*seed, &states)
    });
    let (states, seconds) = (states.load(Ordering::Relaxed), begin.elapsed().as_secs_f64());
    let (rounds, rate) = (rounds.into_inner(), states as f64 / seconds);
    println!("{goal}: {states} states of {rounds} histories, {rate:.0} a second");
    assert_eq!(failures, Vec::<String>::new());
}

/// Runs `round` with each of these seeds; counts for a goal what it counts.
///
/// # Panics
/// With its seed, when a round fails.
pub(super) fn each_seed(
    goal: &str,
    seeds: std::ops::Range<u64>,
    round: impl Fn(u64, &AtomicUsize) -> Result<(), String> + Sync,
) {
    let states = AtomicUsize::new(0);
    let failures = on_all_cores("seed", seeds, |seed| round(*seed, &states));
    println!("{goal}: {} states", states.into_inner());
    assert_eq!(failures, Vec::<String>::new());
}
