//! Each bug that can be planted is found by some harness. What no harness finds would be a hole in
//! the tests, not in the store.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::fixture::{first_seed, scaled, seeds};
use super::{alone, apart, crash, errors, flips, lies, reclaim, relief, resync, scrubs};
use crate::planted::{Bug, plant};

/// States within which each bug must be found.
const BUDGET: usize = 20_000;

type Round = fn(u64, &AtomicUsize) -> Result<(), String>;

const HARNESSES: [(&str, Round); 16] = [
    ("crash", crash::random_history),
    ("keys", crash::keys_round),
    ("tails", crash::tail_round),
    ("flips", flips::round),
    ("log flips", flips::log_round),
    ("lies", lies::round),
    ("apart", apart::round),
    ("errors", errors::round),
    ("reclaim", reclaim::round),
    ("lost moves", lost_moves),
    ("scrubs", scrubs::round),
    ("resync", resync::round),
    ("copies", resync::copy_round),
    ("relief", relief::round),
    ("alone", alone::round),
    ("forgetting", alone::forgetting_round),
];

/// Losses in a row: each is one state only, where other harnesses go through dozens in a round.
const LOSSES: u64 = 8;

fn lost_moves(seed: u64, states: &AtomicUsize) -> Result<(), String> {
    let first = seed.wrapping_mul(LOSSES);
    (first..first + LOSSES).try_for_each(|seed| reclaim::lost_write_round(seed, states))
}

/// Looks for a bug with all harnesses in turn; tells which found it after how many states.
fn hunt(bug: Bug) -> Option<(&'static str, usize)> {
    let states = AtomicUsize::new(0);
    plant(Some(bug));
    for seed in first_seed().. {
        for (name, round) in HARNESSES {
            let found = catch_unwind(AssertUnwindSafe(|| round(seed, &states)));
            let states = states.load(Ordering::Relaxed);
            if !matches!(found, Ok(Ok(()))) {
                return Some((name, states));
            }
            if states > scaled(BUDGET) {
                return None;
            }
        }
    }
    None
}

#[test]
fn every_planted_bug_is_found() {
    let (results, found) = mpsc::channel();
    std::thread::scope(|scope| {
        for half in 0..2 {
            let results = results.clone();
            let bugs = Bug::ALL.iter().copied().skip(half).step_by(2);
            scope.spawn(move || {
                for bug in bugs {
                    results.send((bug, hunt(bug))).unwrap();
                }
            });
        }
    });
    drop(results);
    // Without a bug nothing is found.
    let states = AtomicUsize::new(0);
    let false_alarm = HARNESSES.iter().flat_map(|(name, round)| {
        seeds(20).map(|seed| (*name, seed, round(seed, &states))).collect::<Vec<_>>()
    });
    let mut false_alarm = false_alarm.filter(|(_, _, outcome)| outcome.is_err());
    assert_eq!(false_alarm.next(), None);
    let mut missed = Vec::new();
    let mut count = 0;
    for (bug, found) in found {
        match found {
            Some((harness, states)) => {
                count += 1;
                println!("{bug:?}: {harness}, {states} states");
            }
            None => missed.push(bug),
        }
    }
    println!("R2: {count} planted bugs were found");
    assert!(missed.is_empty(), "not found: {missed:?}");
}
