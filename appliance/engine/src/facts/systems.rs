//! Protected systems.

use catalog::Listed;
use health::facts::{Due, Reading, Suspect, SystemFacts, Unverified};
use jiff::tz::TimeZone;
use model::Span;
use operations::uptime;
use plan::{Plan, System};

use crate::engine::Engine;
use crate::protection::Of;
use crate::schedule;

/// All that are in the plan; `None` when it cannot be read.
pub(super) fn systems(engine: &Engine) -> Option<Vec<SystemFacts>> {
    if engine.protection.unreadable().is_some() {
        return None;
    }
    let plan = engine.protection.plan();
    Some(plan.systems.iter().map(|system| facts(engine, &plan, system)).collect())
}

fn facts(engine: &Engine, plan: &Plan, system: &System) -> SystemFacts {
    let age = engine.pool.age();
    let Some(access) = engine.access() else {
        return SystemFacts { name: system.name.clone(), ..SystemFacts::default() };
    };
    let id = ingest::system_id(&access, &system.name);
    let own = engine.pool.catalog.listed().into_iter();
    let own: Vec<_> = own.filter(|listed| listed.point.system == id).collect();
    let suspects = own.iter().filter(|listed| listed.is_suspect());
    let suspects: Vec<Suspect> = suspects
        .map(|listed| Suspect {
            point: listed.point.id,
            signals: "it looks as if the system had been encrypted".to_owned(),
        })
        .collect();
    let newest = own.iter().rfind(|listed| listed.removed.is_none());
    let planned = engine.protection.run(Of::Planned(&system.name));
    SystemFacts {
        name: system.name.clone(),
        client: Some(system.client.clone()),
        rpo: Some(system.rpo),
        newest: newest.map_or(Reading::Absent, |newest| {
            Reading::Known(Span(age.saturating_sub(newest.point.age)))
        }),
        planned: planned.map(|run| run.past(age, uptime()).running),
        missed: missed(engine, plan, system),
        seen: Reading::Absent,
        frozen: !suspects.is_empty(),
        suspects,
        unverified: unverified(engine, system, &own),
        amplification: None,
    }
}

/// Points that are as old as the plan lets them be without having been verified.
fn unverified(engine: &Engine, system: &System, own: &[Listed]) -> Reading<Unverified> {
    let Some(within) = system.verify else { return Reading::Absent };
    let age = engine.pool.age();
    let late = own.iter().filter(|listed| listed.removed.is_none());
    let late = late.filter(|listed| engine.protection.verified(listed.point.id).is_none());
    let ages = late.map(|listed| age.saturating_sub(listed.point.age));
    let ages: Vec<u64> = ages.filter(|age| *age >= within.0).collect();
    ages.iter().max().map_or(Reading::Absent, |oldest| {
        Reading::Known(Unverified { points: ages.len() as u64, oldest: Span(*oldest), within })
    })
}

/// A run that is due and was not begun, for whatever reason.
fn missed(engine: &Engine, plan: &Plan, system: &System) -> Reading<Due> {
    let Some(due) = schedule::due(engine, plan, system) else { return Reading::Absent };
    match plan::is_missed(&due, &schedule::now(&TimeZone::UTC), Span(0)) {
        Some(ago) => Reading::Known(Due { ago, runs: 1 }),
        None => Reading::Absent,
    }
}
