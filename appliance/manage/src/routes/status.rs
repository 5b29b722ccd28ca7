//! How everything is, in one answer.

use std::sync::Arc;

use bus::{AlertView, JobState, Object, Place, RpoState};
use futures_util::FutureExt;
use serde_json::{Value, json};

use super::objects::seen;
use crate::http::Answer;
use crate::problem::Problem;
use crate::render::view;
use crate::role::Role;
use crate::route::{Access, Asked, Gives, Route};
use crate::server::{Server, now};

pub(crate) const ROUTES: &[Route] = &[Route::get(
    "/api/v1/status",
    Access::Roles(Role::ALL),
    "How the box is, or what of it concerns the clients of the account",
    Gives::Fields(&[
        ("name", "What the appliance is called"),
        ("now", "The clock of the box, in seconds since 1970"),
        ("engine", "Whether the engine answers"),
        ("appliance", "The appliance, for accounts that are bound to no client; else null"),
        ("pool", "The pool, in the same way"),
        ("systems", "How many there are, and of these `breached`, `warning` and `unknown`"),
        ("running", "Jobs that run"),
        ("alerts", "How many are open"),
        ("severity", "Of the worst of them; 0 without any"),
    ]),
    |server, asked| status(server, asked).boxed(),
)];

async fn status(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let who = asked.who()?;
    let wide = |place: Place| {
        let objects = server.world.objects();
        let found = objects.get(&place).filter(|_| who.is_wide());
        found.map_or(Value::Null, |object| view(object))
    };
    let (systems, jobs) = (seen(&server, who, "system"), seen(&server, who, "job"));
    let alerts = seen(&server, who, "alert");
    let of_state = |state: RpoState| {
        let is =
            |object: &Object| matches!(object, Object::System(system) if system.rpo_state == state);
        systems.iter().filter(|object| is(object)).count()
    };
    let running = jobs
        .iter()
        .filter(|object| matches!(&***object, Object::Job(job) if job.state == JobState::Running));
    let severities = alerts.iter().filter_map(|object| match &**object {
        Object::Alert(AlertView { severity, .. }) => Some(*severity),
        _ => None,
    });
    Ok(Answer::json(&json!({
        "name": server.name,
        "now": now(),
        "engine": server.world.has_engine(),
        "appliance": wide(Place::Appliance),
        "pool": wide(Place::Pool),
        "systems": {
            "all": systems.len(),
            "breached": of_state(RpoState::Breached),
            "warning": of_state(RpoState::Warning),
            "unknown": of_state(RpoState::Unknown),
        },
        "running": running.count(),
        "alerts": alerts.len(),
        "severity": severities.max().unwrap_or(0),
    })))
}
