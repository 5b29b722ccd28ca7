//! `holdfast points remove|return|hold|release|clear`, by the engine.
//!
//! On disks a change is made of all points or of none. The engine makes one after the other: if one
//! is refused, those before it are changed, and the failure says which.

use bus::{Object, Place};
use catalog::Change;
use model::PointId;
use operations::Failure;

use super::engine::Engine;
use crate::command::points::{Standing, changed_json, changed_text};
use crate::output::Output;

pub(crate) fn change(
    engine: &Engine,
    typed: &[String],
    change: Change,
    output: &Output,
) -> Result<(), Failure> {
    let seen = engine.seen()?;
    let found = typed.iter().map(|typed| seen.point(typed));
    let found: Vec<_> = found.collect::<Result<_, Failure>>()?;
    let (mut now, mut changed) = (Vec::new(), 0);
    for (id, before) in found {
        if let Err(failure) = call(engine, id, change) {
            if now.is_empty() {
                return Err(failure);
            }
            output.before_failure(|| changed_text(&now));
            return Err(failure.with(changed_json(&now, changed)));
        }
        let after = match engine.object(&Place::Point(id))? {
            Some(Object::Point(point)) => Standing::shown(&point),
            _ => Standing::shown(before),
        };
        changed += usize::from(is_other(&Standing::shown(before), &after));
        now.push((id.to_string(), after));
    }
    output.result(&changed_json(&now, changed), || changed_text(&now));
    Ok(())
}

fn call(engine: &Engine, id: PointId, change: Change) -> Result<(), Failure> {
    let place = Place::Point(id);
    // Who called is in the journal of the engine.
    let nothing = "";
    match change {
        Change::Remove { newest: false } => engine.call(&place, "Remove", &nothing),
        Change::Remove { newest: true } => engine.call(&place, "RemoveNewest", &nothing),
        Change::Return => engine.call(&place, "Return", &()),
        Change::Hold => engine.call(&place, "Hold", &nothing),
        Change::Release => engine.call(&place, "Release", &nothing),
        Change::Clear => engine.call(&place, "Clear", &()),
    }
}

/// Whether more has changed than time has passed.
fn is_other(before: &Standing, after: &Standing) -> bool {
    let facts = |standing: &Standing| (standing.held, standing.removed.is_some(), standing.cleared);
    facts(before) != facts(after)
}
