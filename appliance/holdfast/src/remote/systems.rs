//! `holdfast systems`: protected systems, and how each stands to what was agreed.

use bus::{Place, SystemView};
use operations::Failure;
use serde_json::{Value, json};

use super::engine::Engine;
use super::lines::{cut, minute};
use crate::arguments::Systems;
use crate::output::Output;

/// Characters of a name.
const NAME: usize = 24;

pub(crate) fn run(systems: &Systems, output: &Output) -> Result<(), Failure> {
    match systems {
        Systems::List(list) => {
            let systems = Engine::on(&list.on)?.seen()?.systems;
            let values: Vec<Value> = systems.iter().map(to_json).collect();
            output.result(&json!({ "systems": values }), || match systems.is_empty() {
                true => "no protected systems".to_owned(),
                false => systems.iter().map(to_text).collect::<Vec<_>>().join("\n"),
            });
            Ok(())
        }
        Systems::Pause(pause) => {
            let engine = Engine::on(&pause.named.on)?;
            let name = &pause.named.system;
            let place = Place::System(engine.seen()?.system(name)?.id.clone());
            engine.call::<_, ()>(&place, "Pause", &pause.reason)?;
            let value = json!({ "system": name, "paused": true });
            output.result(&value, || format!("no schedule runs {name} until it is resumed"));
            Ok(())
        }
        Systems::Resume(named) => {
            let engine = Engine::on(&named.on)?;
            let name = &named.system;
            let place = Place::System(engine.seen()?.system(name)?.id.clone());
            engine.call::<_, ()>(&place, "Resume", &())?;
            let value = json!({ "system": name, "paused": false });
            output.result(&value, || format!("schedules run {name} again"));
            Ok(())
        }
    }
}

fn to_json(system: &SystemView) -> Value {
    json!({
        "system": system.name,
        "kind": system.kind,
        "points": system.points,
        "rpo_seconds": system.rpo_seconds,
        "rto_seconds": system.rto_seconds,
        "rpo_state": system.rpo_state.as_str(),
        "last_point": system.last_point_at,
        "next_run": system.next_run_at,
        "last_result": system.last_result,
        "paused": Some(&system.pause_reason).filter(|_| system.paused),
        "bytes_logical": system.logical_bytes,
    })
}

fn to_text(system: &SystemView) -> String {
    let paused = match system.paused {
        true => format!("\n      paused: {}", system.pause_reason),
        false => String::new(),
    };
    format!(
        "{:<NAME$}  RPO {:<9}last {:<18}next {}{paused}",
        cut(&system.name, NAME),
        system.rpo_state,
        minute(system.last_point_at),
        minute(system.next_run_at),
    )
}
