//! The protection plan over the bus.

use std::sync::Arc;

use bus::{Place, Refusal, RefusalKind, Reply};
use operations::Failure;
use plan::Plan;
use record::TenantAccess;
use serde_json::json;

use super::commands::{INVALID, failed, locked, panicked};
use super::show;
use crate::engine::Engine;
use crate::exports::STATE_NEXT;
use crate::{protection, schedule};

/// Puts a plan in force, with the retention of its systems; or says what that would change.
pub(super) async fn apply(
    engine: &Arc<Engine>,
    text: String,
    dry_run: bool,
) -> Result<Reply, Refusal> {
    let read = protection::read(&engine.protection.plan(), &text);
    let (plan, mut value) = read.map_err(|wrong| Refusal::new(INVALID, wrong.what, wrong.next))?;
    value["applied"] = json!(!dry_run);
    if !dry_run {
        let access = engine.access().ok_or_else(locked)?;
        let own = engine.clone();
        let applied = tokio::task::spawn_blocking(move || put_in_force(&own, &access, plan));
        applied.await.map_err(|_| panicked())?.map_err(failed)?;
        engine.changed();
        // Who asked finds the systems of the plan there.
        show(engine).await;
    }
    Ok(Reply::Text(value.to_string()))
}

/// Retention first: a plan whose lock is shorter than the one that holds is refused as a whole.
fn put_in_force(engine: &Engine, access: &TenantAccess, plan: Plan) -> Result<(), Failure> {
    let (catalog, tenant) = (&engine.pool.catalog, access.tenant());
    let mut events = Vec::new();
    for system in &plan.systems {
        let id = ingest::system_id(access, &system.name);
        if catalog.policy(tenant, id) != system.retention {
            events.push(catalog.set_policy(tenant, Some(id), &system.retention)?);
        }
    }
    if !events.is_empty() {
        engine.pool.commit(events)?;
    }
    let next = "see the disk of the engine's state; retention is in force already";
    let set = engine.protection.set(plan);
    let now = schedule::beginning(engine);
    let noted = set.and_then(|()| engine.protection.note_planned(&engine.state, &now));
    noted.map_err(|error| Failure::new(error, next))
}

/// Ingests a system now.
pub(super) fn run(engine: &Arc<Engine>, id: &str, full: bool) -> Result<Reply, Refusal> {
    let name = named(engine, id)?;
    let plan = engine.protection.plan();
    let mut sources = plan.systems.iter().filter(|system| system.name == name);
    if sources.any(|system| protection::comes_by_itself(&system.source)) {
        let problem = format!("{name} is written to the box by others, who begin when they want");
        return Err(Refusal::new(INVALID, problem, "begin there, or call `Receive` and write"));
    }
    match schedule::run_named(engine, &name, full) {
        Some(Some(number)) => Ok(Reply::Object(Place::Job(number))),
        Some(None) => {
            Err(Refusal::new(RefusalKind::Busy, "the run was not taken", "see the journal"))
        }
        None => Err(unplanned(&name)),
    }
}

/// Keeps schedules from a system, or lets them go on.
pub(super) fn pause(
    engine: &Arc<Engine>,
    id: &str,
    reason: Option<String>,
) -> Result<Reply, Refusal> {
    let name = named(engine, id)?;
    let kept = engine.protection.pause(&engine.state, &name, reason);
    kept.map_err(|error| Refusal::new(RefusalKind::Failed, error.to_string(), STATE_NEXT))?;
    engine.changed();
    Ok(Reply::Done)
}

/// The name of the system in the plan that has this id on the bus.
pub(super) fn named(engine: &Arc<Engine>, id: &str) -> Result<String, Refusal> {
    let access = engine.access().ok_or_else(locked)?;
    let plan = engine.protection.plan();
    let is_it = |name: &str| ingest::system_id(&access, name).to_string() == id;
    let found = plan.systems.iter().find(|system| is_it(&system.name));
    found.map(|system| system.name.clone()).ok_or_else(|| unplanned(id))
}

fn unplanned(name: &str) -> Refusal {
    let problem = format!("the plan has no system {name}");
    Refusal::new(RefusalKind::NotFound, problem, "add it to the plan first")
}
