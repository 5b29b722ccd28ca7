//! The policy engine: for each recovery point of a system, whether it stays, and why. Pure.
//!
//! A policy counts periods on two calendars, and what either keeps stays. The calendar on the wall
//! is what people mean, but its clock can be wrong. That of running time cannot be, but a box that
//! was switched off counts no days, so that its days are longer than those on the wall. Together
//! neither a wrong clock nor a box that stood still makes more go than the policy says. The price
//! is that a policy of 7 days may keep up to 14 points: the last of a day by one calendar need not
//! be the last by the other.
//!
//! Order is the log's, on both calendars: a period is the newest that has a point if the newest
//! point is in it, whatever its number.

use std::collections::HashSet;
use std::fmt;

use model::{PointId, Span, WallTime};

use crate::{Listed, Period, Point, Policy};

/// What becomes of a recovery point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It stays, for each of these reasons: one at least.
    Stays(Vec<Reason>),
    /// Nothing keeps it: it is removed now, and goes when the pool's age is `due`.
    Goes { due: u64 },
    /// It was removed before, and goes when the pool's age is `due` unless something holds it up.
    Removed { due: u64, held_up: Vec<Reason> },
}

/// Why a recovery point stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The policy keeps everything, or there is none.
    Everything,
    /// Nothing newer is left of its system.
    Newest,
    /// It is one of the last that the policy keeps.
    Last,
    /// It is the last of its period by the clock on the wall.
    Wall(Period, WallTime),
    /// It is the last of its period by running time.
    Running(Period),
    /// A person holds it.
    Held,
    /// It is too young to be removed: `left` of running time to go.
    Locked { left: Span },
    /// Something unusual was noticed at this point, and nobody has looked at it yet: nothing of
    /// the system goes meanwhile.
    Frozen { by: PointId },
}

impl Verdict {
    /// Whether it goes for good at this age of the pool.
    pub fn is_gone(&self, age: u64) -> bool {
        match self {
            Self::Stays(_) => false,
            Self::Goes { due } => *due <= age,
            Self::Removed { due, held_up } => *due <= age && held_up.is_empty(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("the policy keeps everything"),
            Self::Newest => f.write_str("newest of its system"),
            Self::Last => f.write_str("one of the last"),
            Self::Wall(period, time) => write!(f, "{period} {}", period.name_of(*time)),
            Self::Running(period) => write!(f, "{period} by running time"),
            Self::Held => f.write_str("held"),
            Self::Locked { left } => write!(f, "locked for another {left} of running time"),
            Self::Frozen { by } => {
                let by = by.to_string();
                write!(f, "frozen until somebody clears {}", by.get(..8).unwrap_or(&by))
            }
        }
    }
}

/// Judges all recovery points of one system, which are in the order of the log, by its policy at
/// this age of the pool. The verdicts are in the same order.
pub fn judge(points: &[Listed], policy: &Policy, age: u64) -> Vec<Verdict> {
    let frozen = points.iter().rev().find(|listed| listed.is_suspect());
    let frozen = frozen.map(|listed| Reason::Frozen { by: listed.point.id });
    let judged = points.iter().zip(kept(points, policy)).map(|(listed, mut kept)| {
        let mut protected = protection(listed, policy, age);
        protected.extend(frozen);
        match listed.removed {
            Some(removal) => Verdict::Removed { due: removal.due, held_up: protected },
            None if kept.is_empty() && protected.is_empty() => {
                Verdict::Goes { due: age.saturating_add(policy.delay) }
            }
            None => {
                kept.extend(protected);
                Verdict::Stays(kept)
            }
        }
    });
    judged.collect()
}

/// How much longer a recovery point is locked; `None` when it is not.
pub(crate) fn locked(point: &Point, policy: &Policy, age: u64) -> Option<Span> {
    let until = point.age.saturating_add(policy.lock);
    (age < until).then(|| Span(until - age))
}

/// What keeps a point whatever the policy counts.
fn protection(listed: &Listed, policy: &Policy, age: u64) -> Vec<Reason> {
    let locked = locked(&listed.point, policy, age).map(|left| Reason::Locked { left });
    listed.held.then_some(Reason::Held).into_iter().chain(locked).collect()
}

/// What the policy keeps of the points that are not removed, and why.
fn kept(points: &[Listed], policy: &Policy) -> Vec<Vec<Reason>> {
    let mut kept = vec![Vec::new(); points.len()];
    // The newest first.
    let left: Vec<(usize, &Point)> = points
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, listed)| listed.removed.is_none())
        .map(|(number, listed)| (number, &listed.point))
        .collect();
    let mut keep = |number: usize, reason| {
        if let Some(reasons) = kept.get_mut(number) {
            let reasons: &mut Vec<Reason> = reasons;
            reasons.push(reason);
        }
    };
    left.iter().take(1).for_each(|(number, _)| keep(*number, Reason::Newest));
    if policy.keeps_everything() {
        left.iter().for_each(|(number, _)| keep(*number, Reason::Everything));
    }
    let last = left.iter().take(usize::from(policy.last));
    last.for_each(|(number, _)| keep(*number, Reason::Last));
    for (period, count) in policy.periods() {
        let of_wall = |point: &Point| period.of_wall(point.created);
        for (number, point) in last_of_each(&left, count, of_wall) {
            keep(number, Reason::Wall(period, point.created));
        }
        for (number, _) in last_of_each(&left, count, |point| period.of_age(point.age)) {
            keep(number, Reason::Running(period));
        }
    }
    kept
}

/// The last point of each of the newest `count` periods that have one.
fn last_of_each<'a>(
    newest_first: &[(usize, &'a Point)],
    count: u16,
    period_of: impl Fn(&Point) -> u64,
) -> Vec<(usize, &'a Point)> {
    let mut seen = HashSet::new();
    let last = newest_first.iter().filter(|(_, point)| seen.insert(period_of(point)));
    last.take(usize::from(count)).copied().collect()
}
