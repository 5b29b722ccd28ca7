//! When the pool will be full, if things go on as they did.

use std::collections::HashSet;

use crate::Point;

/// Running time that is looked back on, in seconds: four weeks, so that each day of the week counts
/// alike.
const LOOK_BACK: u64 = 28 * DAY;

/// Running time below which nothing is foretold, in seconds.
const LEAST: u64 = DAY;

const DAY: u64 = 86_400;

/// Days of running time until `free_bytes` are taken, by what recovery points added lately. The
/// first of a system is left out: it comes once. `None` when too little is known, or nothing grows.
///
/// `points` are in the order in which they were made, `age` is the pool's now.
pub fn days_until_full(points: &[Point], age: u64, free_bytes: u64) -> Option<f64> {
    let mut known = HashSet::new();
    let later = points.iter().filter(|point| !known.insert((point.tenant, point.system)));
    let lately: Vec<&Point> =
        later.filter(|point| age.saturating_sub(point.age) <= LOOK_BACK).collect();
    let oldest = lately.iter().map(|point| point.age).min()?;
    let span = age.saturating_sub(oldest);
    let added: u64 = lately.iter().map(|point| point.added_bytes).sum();
    if span < LEAST || added == 0 {
        return None;
    }
    Some(free_bytes as f64 / added as f64 * span as f64 / DAY as f64)
}
