//! The protection plan, as a whole.

use std::sync::Arc;

use bus::Place;
use futures_util::FutureExt;
use serde_json::json;

use crate::http::Answer;
use crate::problem::Problem;
use crate::role::{DESK, WITNESSES};
use crate::route::{Access, Asked, Gives, Route, Verb};
use crate::server::Server;
use crate::shape::{Kind, may, must};

/// Most bytes of a plan, and of a request that holds one.
const PLAN: usize = 1 << 20;

pub(crate) const ROUTES: &[Route] = &[
    Route::get(
        "/api/v1/plan",
        Access::Wide(WITNESSES),
        "The plan that is in force, as TOML",
        Gives::Fields(&[("plan", "The text of it")]),
        |server, asked| show(server, asked).boxed(),
    ),
    Route::post(
        "/api/v1/plan",
        Access::Wide(DESK),
        "Put another plan in force, or say what would be different",
        Gives::Fields(&[
            (
                "difference",
                "What is different, as one JSON object: changes, lines for people, warnings",
            ),
            ("applied", "Whether it is in force now"),
        ]),
        |server, asked| apply(server, asked).boxed(),
    )
    .verb(Verb::Put)
    .body(&[
        must("plan", Kind::Text(PLAN), "The text of it"),
        may("dry_run", Kind::Flag, "Only say what would be different"),
    ])
    .most(2 * PLAN),
];

async fn show(server: Arc<Server>, _: Asked) -> Result<Answer, Problem> {
    let plan: String = server.client.call(&Place::Appliance, "ExportPlan", &()).await?;
    Ok(Answer::json(&json!({ "plan": plan })))
}

async fn apply(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let (plan, dry_run) = (asked.body.text("plan"), asked.body.flag("dry_run"));
    let difference: String =
        server.client.call(&Place::Appliance, "ApplyPlan", &(plan, dry_run)).await?;
    Ok(Answer::json(&json!({ "difference": difference, "applied": !dry_run })))
}
