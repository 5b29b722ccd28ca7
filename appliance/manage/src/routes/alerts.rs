//! Alerts.

use std::sync::Arc;

use bus::Place;
use futures_util::FutureExt;

use super::objects::{listed, number, one, seen};
use crate::http::Answer;
use crate::problem::Problem;
use crate::role::{DESK, RESTORERS, Role};
use crate::route::{Access, Asked, Gives, Route};
use crate::server::Server;
use crate::shape::{Kind, may};

/// People, and programs that watch.
const WATCHERS: &[Role] = Role::ALL;

pub(crate) const ROUTES: &[Route] = &[
    Route::get(
        "/api/v1/alerts",
        Access::Roles(WATCHERS),
        "What is wrong now, with cause and next step",
        Gives::Views("alert"),
        |server, asked| list(server, asked).boxed(),
    ),
    Route::post(
        "/api/v1/alerts/{number}/acknowledge",
        Access::Roles(RESTORERS),
        "Take an alert on",
        Gives::Done,
        |server, asked| acknowledge(server, asked).boxed(),
    )
    .body(&[may("comment", Kind::Text(1024), "For whoever looks next")]),
    Route::post(
        "/api/v1/alerts/test",
        Access::Wide(DESK),
        "Tell everybody whom alerts are told an alert that means nothing",
        Gives::Done,
        |server, asked| test(server, asked).boxed(),
    ),
];

async fn list(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    Ok(listed("alert", &seen(&server, asked.who()?, "alert")))
}

async fn acknowledge(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let place = number(&asked, Place::Alert, "alert")?;
    let who = asked.who()?;
    one(&server, who, &place, "alert")?;
    let by = match asked.body.some_text("comment") {
        Some(comment) => format!("{}: {comment}", who.account),
        None => who.account.clone(),
    };
    server.client.call::<_, ()>(&place, "Acknowledge", &by).await?;
    Ok(Answer::done())
}

async fn test(server: Arc<Server>, _: Asked) -> Result<Answer, Problem> {
    server.client.call::<_, ()>(&Place::Appliance, "TestAlert", &()).await?;
    let told = tokio::task::spawn_blocking(move || server.channels.tell_test(&server.name)).await;
    told.map_err(Problem::inside)??;
    Ok(Answer::done())
}
