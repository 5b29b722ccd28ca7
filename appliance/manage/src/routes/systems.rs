//! Protected systems.

use std::sync::Arc;

use bus::{Place, RunOptions};
use futures_util::FutureExt;
use serde_json::json;

use super::objects::{listed, one, seen};
use crate::http::Answer;
use crate::problem::Problem;
use crate::render::{id, view};
use crate::role::{DESK, READERS, RESTORERS};
use crate::route::{Access, Asked, Gives, Route};
use crate::server::Server;
use crate::shape::{Kind, may, must};

pub(crate) const ROUTES: &[Route] = &[
    Route::get(
        "/api/v1/systems",
        Access::Roles(READERS),
        "Protected systems",
        Gives::Views("system"),
        |server, asked| list(server, asked).boxed(),
    ),
    Route::get(
        "/api/v1/systems/{system}",
        Access::Roles(READERS),
        "One protected system",
        Gives::View("system"),
        |server, asked| show(server, asked).boxed(),
    ),
    Route::post(
        "/api/v1/systems/{system}/run",
        Access::Roles(RESTORERS),
        "Take a backup of it now, as the plan has it",
        Gives::Id("job"),
        |server, asked| run(server, asked).boxed(),
    )
    .body(&[may("full", Kind::Flag, "Read everything, whatever is known to be unchanged")]),
    Route::post(
        "/api/v1/systems/{system}/pause",
        Access::Roles(DESK),
        "Have schedules start no backup of it",
        Gives::Done,
        |server, asked| pause(server, asked).boxed(),
    )
    .body(&[must("reason", Kind::Text(1024), "Why, for whoever finds it so")]),
    Route::post(
        "/api/v1/systems/{system}/resume",
        Access::Roles(DESK),
        "Have schedules start backups of it again",
        Gives::Done,
        |server, asked| resume(server, asked).boxed(),
    ),
];

async fn list(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    Ok(listed("system", &seen(&server, asked.who()?, "system")))
}

async fn show(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    Ok(Answer::json(&view(&*one(&server, asked.who()?, &place(&asked), "system")?)))
}

fn place(asked: &Asked) -> Place {
    Place::System(asked.part(0).to_owned())
}

/// The system that is asked for, if it is there for who asks.
fn system(server: &Server, asked: &Asked) -> Result<Place, Problem> {
    let place = place(asked);
    one(server, asked.who()?, &place, "system").map(|_| place)
}

async fn run(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let place = system(&server, &asked)?;
    let options = RunOptions { full: asked.body.flag("full"), ..RunOptions::default() };
    let job = server.client.begin(&place, "RunNow", &(options.arguments(),)).await?;
    Ok(Answer::json(&json!({ "job": id(&job) })))
}

async fn pause(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let place = system(&server, &asked)?;
    server.client.call::<_, ()>(&place, "Pause", &asked.body.text("reason")).await?;
    Ok(Answer::done())
}

async fn resume(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let place = system(&server, &asked)?;
    server.client.call::<_, ()>(&place, "Resume", &()).await?;
    Ok(Answer::done())
}
