//! What recovery points of a system are there: how old, how far apart, how proved.

use std::collections::BTreeSet;

use bus::{JobKind, JobState, PointView, RpoState};
use plan::System as Planned;

use crate::made::point_id;
use crate::period::DAY;
use crate::seen::{Seen, System};

/// Classes of age: their names, and the most that one of them is old, in days.
pub(super) const AGES: [(&str, u64); 4] =
    [("a day", 1), ("a week", 7), ("31 days", 31), ("a year", 365)];

/// How many recovery points are in each class of age, then those that are older than all of them,
/// then those that lie in the future. Those that were removed count until they are gone.
pub(super) fn ages(system: &System<'_>, now: u64) -> [u64; 6] {
    let mut counts = [0; 6];
    for point in &system.points {
        let place = match now.checked_sub(point.created_at) {
            None => AGES.len() + 1,
            Some(age) => AGES.iter().take_while(|(_, days)| age > days * DAY).count(),
        };
        if let Some(count) = counts.get_mut(place) {
            *count += 1;
        }
    }
    counts
}

/// The biggest gap between recovery points in seconds, as far back in the period as retention
/// leaves them close enough to tell; none where there is nothing to tell it by.
///
/// What retention has thinned out proves nothing, so gaps count from where the finest class that
/// the RPO needs begins ([`reach`]). A recovery point that a job made counts also after it went.
pub(super) fn biggest_gap(seen: &Seen<'_>, system: &System<'_>) -> Option<u64> {
    let end = seen.now.min(seen.period.to());
    let made: BTreeSet<u64> = instants(seen, system).filter(|at| *at <= end).collect();
    made.first()?;
    let dense = seen.now.saturating_sub(reach(system, seen.now));
    let from = seen.period.from().max(dense).min(end);
    // A gap that the period begins in counts as a whole, unless what made it was thinned out.
    let before = made.range(..from).next_back().copied();
    let first = before.map(|before| if dense > seen.period.from() { from } else { before });
    let all = first.into_iter().chain(made.range(from..).copied()).chain([end]);
    let all: Vec<u64> = all.collect();
    all.windows(2).filter_map(|pair| pair.last()?.checked_sub(*pair.first()?)).max()
}

/// When recovery points were made: those that are there, and those that went since a job made them.
fn instants(seen: &Seen<'_>, system: &System<'_>) -> impl Iterator<Item = u64> {
    let there: BTreeSet<&str> = system.points.iter().map(|point| point.id.as_str()).collect();
    let gone = seen.jobs_of(system).filter(|job| {
        let made = matches!(job.state, JobState::Done | JobState::Warned);
        let is_there = point_id(job).is_some_and(|id| there.contains(id));
        made && job.kind == JobKind::Ingest && !is_there && job.started_at != 0
    });
    let gone: Vec<u64> = gone.map(|job| job.started_at).collect();
    system.points.iter().map(|point| point.created_at).chain(gone)
}

/// How far back, in seconds, retention leaves recovery points no further apart than the RPO.
fn reach(system: &System<'_>, now: u64) -> u64 {
    let Some(planned) = system.planned else { return u64::MAX };
    let policy = &planned.retention;
    if policy.keeps_everything() {
        return u64::MAX;
    }
    let classes = classes(planned).into_iter().filter(|(_, seconds, _)| *seconds <= planned.rpo.0);
    let by_class = classes.map(|(_, seconds, count)| seconds * u64::from(count)).max();
    let last = system.past(now).nth(usize::from(policy.last).saturating_sub(1));
    let last = last.filter(|_| policy.last > 0).map(|point| now - point.created_at);
    by_class.max(last).unwrap_or(0)
}

/// Classes of a policy: name, length in seconds, count.
pub(super) fn classes(planned: &Planned) -> [(&'static str, u64, u16); 5] {
    let policy = &planned.retention;
    [
        ("hourly", 3600, policy.hourly),
        ("daily", DAY, policy.daily),
        ("weekly", 7 * DAY, policy.weekly),
        ("monthly", 30 * DAY, policy.monthly),
        ("yearly", 365 * DAY, policy.yearly),
    ]
}

/// How many hours, days, weeks of that length have a recovery point that was not removed.
pub(super) fn periods(system: &System<'_>, seconds: u64, now: u64) -> u64 {
    let there = system.past(now).filter(|point| !point.removed);
    there.map(|point| point.created_at / seconds).collect::<BTreeSet<u64>>().len() as u64
}

/// The newest recovery point that something is true of.
pub(super) fn newest_that<'a>(
    system: &System<'a>,
    holds: impl Fn(&PointView) -> bool,
) -> Option<&'a PointView> {
    system.points.iter().copied().find(|point| holds(point))
}

/// Whether its newest recovery point is too old, as the engine counts it, which no clock can fool.
pub(super) fn is_breached(system: &System<'_>) -> bool {
    system.view.is_some_and(|view| view.rpo_state == RpoState::Breached)
}
