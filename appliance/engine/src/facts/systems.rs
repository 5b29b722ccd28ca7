//! Protected systems.

use health::facts::{Due, Reading, Suspect, SystemFacts};
use jiff::Timestamp;
use model::Span;
use operations::uptime;
use plan::{Plan, System};

use crate::engine::Engine;
use crate::schedule;

pub(super) fn systems(engine: &Engine) -> Vec<SystemFacts> {
    let plan = engine.protection.plan();
    plan.systems.iter().map(|system| facts(engine, &plan, system)).collect()
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
    let planned = engine.protection.planned(&system.name);
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
        unverified: Reading::Absent,
        amplification: None,
    }
}

/// A run that is due and was not begun, for whatever reason.
fn missed(engine: &Engine, plan: &Plan, system: &System) -> Reading<Due> {
    let Some(due) = schedule::due(engine, plan, system) else { return Reading::Absent };
    let late = Timestamp::now().as_second().saturating_sub(due.since.as_second());
    match u64::try_from(late) {
        Ok(late) if late > 0 => Reading::Known(Due { ago: Span(late), runs: 1 }),
        _ => Reading::Absent,
    }
}
