//! What is not as it was agreed, for one system.

use bus::PointView;
use model::Span;

use super::there;
use crate::seen::{Seen, System};
use crate::{Cell, Level};

/// One thing that is not as agreed.
pub(super) struct Finding {
    pub(super) level: Level,
    word: &'static str,
    detail: String,
    next: &'static str,
}

impl Finding {
    /// What is found, its figures, the next step.
    pub(super) fn cells(&self) -> [Cell; 3] {
        [Cell::state(self.level, self.word), Cell::text(&self.detail), Cell::text(self.next)]
    }
}

fn bad(word: &'static str, detail: String, next: &'static str) -> Finding {
    Finding { level: Level::Bad, word, detail, next }
}

fn warning(word: &'static str, detail: String, next: &'static str) -> Finding {
    Finding { level: Level::Warning, word, detail, next }
}

/// All findings of a system.
pub(super) fn of(seen: &Seen<'_>, system: &System<'_>) -> Vec<Finding> {
    if system.points.is_empty() {
        let detail = "there is no recovery point".into();
        let next = "run it now, and see why its job fails";
        return [bad("unprotected", detail, next)].into_iter().chain(excluded(system)).collect();
    }
    let all = [unplanned(system), rpo(seen, system), broken(system), verified(system)];
    let more = [proved(system), future(seen, system), removed(system), excluded(system)];
    all.into_iter().chain(more).flatten().chain(retention(seen, system)).collect()
}

fn unplanned(system: &System<'_>) -> Option<Finding> {
    let detail = format!("{} recovery points, and no system of the plan", system.points.len());
    let next = "write it into the plan, or agree that no new ones are made";
    system.planned.is_none().then(|| warning("no policy", detail, next))
}

fn rpo(seen: &Seen<'_>, system: &System<'_>) -> Option<Finding> {
    let agreed = system.planned?.rpo;
    let gap = there::biggest_gap(seen, system);
    let detail = match gap {
        None if system.past(seen.now).next().is_some() => return None,
        None => "all recovery points lie in the future".to_owned(),
        Some(gap) if gap > agreed.0 => {
            format!("{} between two recovery points, {agreed} agreed", Span(gap))
        }
        Some(_) if there::is_breached(system) => {
            format!("the newest recovery point is older than the {agreed} agreed")
        }
        Some(_) => return None,
    };
    Some(bad("RPO not met", detail, "look at its failed and missed runs, or run it more often"))
}

fn count(system: &System<'_>, holds: impl Fn(&PointView) -> bool) -> usize {
    system.points.iter().filter(|point| holds(point)).count()
}

fn broken(system: &System<'_>) -> Option<Finding> {
    let broken = count(system, |point| point.broken);
    let detail = format!("{broken} recovery points cannot be restored as a whole");
    (broken > 0).then(|| bad("broken", detail, "run it in full, and look at the disks"))
}

fn verified(system: &System<'_>) -> Option<Finding> {
    let never = count(system, |point| point.verified_at != 0) == 0;
    let detail = "no recovery point that is there was ever read back".into();
    never.then(|| bad("never verified", detail, "verify its newest recovery point"))
}

fn proved(system: &System<'_>) -> Option<Finding> {
    let proved = system.view.is_some_and(|view| view.last_proved_at != 0);
    let never = !proved && count(system, |point| point.proved_at != 0) == 0;
    let detail = "none was ever booted to see whether it works".into();
    never.then(|| warning("never proved", detail, "boot its newest recovery point as a test"))
}

fn future(seen: &Seen<'_>, system: &System<'_>) -> Option<Finding> {
    let future = count(system, |point| point.created_at > seen.now);
    let detail = format!("{future} recovery points have a time that has not come");
    let next = "see whether the clock of the appliance is right";
    (future > 0).then(|| warning("clock was wrong", detail, next))
}

fn removed(system: &System<'_>) -> Option<Finding> {
    let removed = count(system, |point| point.removed && point.removed_by == "hand");
    let detail = format!("{removed} recovery points were removed by hand and are to go");
    let next = "see who removed them and why; return them if nobody knows";
    (removed > 0).then(|| warning("removed by hand", detail, next))
}

fn excluded(system: &System<'_>) -> Option<Finding> {
    let excluded = &system.planned?.excluded;
    let detail = format!("left out: {}", excluded.join(", "));
    let next = "have the client agree that these are not needed";
    (!excluded.is_empty()).then(|| warning("volumes excluded", detail, next))
}

/// Classes of the policy that have fewer periods with a recovery point than were promised, once the
/// oldest recovery point is twice as old as the class reaches: by then days without a run, as at
/// weekends, have made up for themselves.
fn retention(seen: &Seen<'_>, system: &System<'_>) -> Vec<Finding> {
    let Some(planned) = system.planned else { return Vec::new() };
    let oldest = system.past(seen.now).map(|point| point.created_at).min();
    let age = oldest.map_or(0, |oldest| seen.now - oldest);
    let classes = there::classes(planned).into_iter().filter(|(_, _, count)| *count > 0);
    let below = classes.filter_map(|(class, seconds, count)| {
        let promised = u64::from(count);
        let there = there::periods(system, seconds, seen.now);
        let due = age >= 2 * promised * seconds && there < promised;
        let detail = format!("{there} of {promised} {class} recovery points");
        let next = "see which runs failed, and who removed recovery points";
        due.then(|| bad("retention below the policy", detail, next))
    });
    below.collect()
}
