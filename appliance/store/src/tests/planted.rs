//! Each bug that can be planted is found by some harness. What no harness finds would be a hole in
//! the tests, not in the store.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::{apart, crash, errors, flips, lies};
use crate::planted::{Bug, plant};

/// States within which each bug must be found.
const BUDGET: usize = 20_000;

type Round = fn(u64, &AtomicUsize) -> Result<(), String>;

const HARNESSES: [(&str, Round); 6] = [
    ("crash", crash::random_history),
    ("keys", crash::keys_round),
    ("flips", flips::round),
    ("lies", lies::round),
    ("apart", apart::round),
    ("errors", errors::round),
];

/// Looks for a bug with all harnesses in turn; tells which found it after how many states.
fn hunt(bug: Bug) -> Option<(&'static str, usize)> {
    let states = AtomicUsize::new(0);
    plant(Some(bug));
    for seed in 0.. {
        for (name, round) in HARNESSES {
            let found = catch_unwind(AssertUnwindSafe(|| round(seed, &states)));
            let states = states.load(Ordering::Relaxed);
            if !matches!(found, Ok(Ok(()))) {
                return Some((name, states));
            }
            if states > BUDGET {
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
    let mut missed = Vec::new();
    for (bug, found) in found {
        match found {
            Some((harness, states)) => println!("{bug:?}: {harness}, {states} states"),
            None => missed.push(bug),
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}
