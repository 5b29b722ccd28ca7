//! Jobs.

use std::sync::Arc;

use bus::{JobKind, JobView, Object, Place};
use futures_util::FutureExt;
use serde_json::json;

use super::objects::{listed, number, one, seen};
use crate::http::Answer;
use crate::problem::Problem;
use crate::render::{id, view};
use crate::role::{READERS, RESTORERS};
use crate::route::{Access, Asked, Gives, Route};
use crate::server::Server;

pub(crate) const ROUTES: &[Route] = &[
    Route::get(
        "/api/v1/jobs",
        Access::Roles(READERS),
        "Jobs that wait, run, or ended lately",
        Gives::Views("job"),
        |server, asked| list(server, asked).boxed(),
    ),
    Route::get(
        "/api/v1/jobs/{number}",
        Access::Roles(READERS),
        "One job",
        Gives::View("job"),
        |server, asked| show(server, asked).boxed(),
    ),
    Route::post(
        "/api/v1/jobs/{number}/cancel",
        Access::Roles(RESTORERS),
        "Cancel a job",
        Gives::Done,
        |server, asked| cancel(server, asked).boxed(),
    ),
    Route::post(
        "/api/v1/jobs/{number}/retry",
        Access::Roles(RESTORERS),
        "Do again what did not end well",
        Gives::Id("job"),
        |server, asked| retry(server, asked).boxed(),
    ),
];

async fn list(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    Ok(listed("job", &seen(&server, asked.who()?, "job")))
}

fn job(server: &Server, asked: &Asked) -> Result<(Place, Arc<Object>), Problem> {
    let place = number(asked, Place::Job, "job")?;
    let object = one(server, asked.who()?, &place, "job")?;
    Ok((place, object))
}

/// A job that may be done again by who asks: a restore may write where a client's people may not
/// have it written.
fn again(server: &Server, asked: &Asked) -> Result<Place, Problem> {
    let (place, object) = job(server, asked)?;
    let who = asked.who()?;
    match &*object {
        Object::Job(JobView { kind: JobKind::Restore, .. }) if !who.is_wide() => {
            Err(Problem::forbidden(who.role.as_str()))
        }
        _ => Ok(place),
    }
}

async fn show(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    Ok(Answer::json(&view(&job(&server, &asked)?.1)))
}

async fn cancel(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let (place, _) = job(&server, &asked)?;
    server.client.call::<_, ()>(&place, "Cancel", &()).await?;
    Ok(Answer::done())
}

async fn retry(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let place = again(&server, &asked)?;
    let job = server.client.begin(&place, "Retry", &()).await?;
    Ok(Answer::json(&json!({ "job": id(&job) })))
}
