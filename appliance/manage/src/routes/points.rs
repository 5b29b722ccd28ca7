//! Recovery points: what there is, what becomes of it, and how it comes back.

use std::sync::Arc;

use bus::{ExportOptions, Object, Place, PointView, RestoreOptions};
use futures_util::FutureExt;
use serde_json::{Value, json};

use super::objects::{one, seen};
use crate::http::Answer;
use crate::problem::Problem;
use crate::render::{id, view};
use crate::role::{DESK, READERS, RESTORERS};
use crate::route::{Access, Asked, Gives, Route};
use crate::server::Server;
use crate::shape::{Field, Kind, may, must};

/// Most points in one answer, and as many as there are unless another number is asked for.
const PAGE: (u64, u64) = (5_000, 500);

const WHY: Field = must("reason", Kind::Text(1024), "Why, for whoever finds it so");
const VOLUME: Field =
    may("volume", Kind::Text(255), "Name of the volume; only where there are several");

pub(crate) const ROUTES: &[Route] = &[
    Route::get(
        "/api/v1/points",
        Access::Roles(READERS),
        "Recovery points, the newest first",
        Gives::Page("point"),
        |server, asked| list(server, asked).boxed(),
    )
    .query(&[
        may("system", Kind::Text(255), "Of this system only"),
        may("before", Kind::Number(u64::MAX), "Only with a lower sequence than this"),
        may("most", Kind::Number(PAGE.0), "How many at most; 500 if nothing is said"),
    ]),
    Route::get(
        "/api/v1/points/{point}",
        Access::Roles(READERS),
        "One recovery point",
        Gives::View("point"),
        |server, asked| show(server, asked).boxed(),
    ),
    Route::post(
        "/api/v1/points/{point}/verify",
        Access::Roles(RESTORERS),
        "Read all of it and check every byte",
        Gives::Id("job"),
        |server, asked| begin(server, asked, "Verify").boxed(),
    ),
    Route::post(
        "/api/v1/points/{point}/restore",
        Access::Wide(DESK),
        "Restore a volume to a file or device of the box",
        Gives::Id("job"),
        |server, asked| restore(server, asked).boxed(),
    )
    .body(&[
        must("target", Kind::Text(4096), "Absolute path of a new file, or of a device"),
        VOLUME,
        may("overwrite", Kind::Flag, "What is there is lost"),
    ]),
    Route::post(
        "/api/v1/points/{point}/export",
        Access::Roles(RESTORERS),
        "Serve a volume as a disk over NBD, at a socket of the box",
        Gives::Id("export"),
        |server, asked| export(server, asked).boxed(),
    )
    .body(&[VOLUME, may("writable", Kind::Flag, "Clients may write; the point stays as it is")]),
    Route::post(
        "/api/v1/points/{point}/hold",
        Access::Roles(RESTORERS),
        "Keep it, whatever retention says",
        Gives::Done,
        |server, asked| change(server, asked, "Hold").boxed(),
    )
    .body(&[WHY]),
    Route::post(
        "/api/v1/points/{point}/release",
        Access::Roles(DESK),
        "Let retention decide again",
        Gives::Done,
        |server, asked| change(server, asked, "Release").boxed(),
    )
    .body(&[WHY]),
    Route::post(
        "/api/v1/points/{point}/remove",
        Access::Roles(DESK),
        "Remove it: it goes after the delay that the policy has",
        Gives::Done,
        |server, asked| remove(server, asked).boxed(),
    )
    .body(&[WHY, may("newest", Kind::Flag, "Also if nothing newer is left of its system")]),
    Route::post(
        "/api/v1/points/{point}/return",
        Access::Roles(DESK),
        "Take its removal back",
        Gives::Done,
        |server, asked| plainly(server, asked, "Return").boxed(),
    ),
    Route::post(
        "/api/v1/points/{point}/clear",
        Access::Roles(DESK),
        "Say that somebody has looked at its signals: expiry goes on",
        Gives::Done,
        |server, asked| plainly(server, asked, "Clear").boxed(),
    ),
];

async fn list(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let system = asked.query.some_text("system").map(|id| Place::System(id.to_owned()).path());
    let before = asked.query.number("before").unwrap_or(u64::MAX);
    let most = asked.query.number("most").unwrap_or(PAGE.1);
    let seen = seen(&server, asked.who()?, "point");
    let mut points: Vec<(&PointView, &Object)> = seen
        .iter()
        .filter_map(|object| match &**object {
            Object::Point(point) => Some((point, &**object)),
            _ => None,
        })
        .filter(|(point, _)| point.sequence < before)
        .filter(|(point, _)| system.as_ref().is_none_or(|system| point.system == *system))
        .collect();
    points.sort_by_key(|(point, _)| std::cmp::Reverse(point.sequence));
    let all = points.len();
    points.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    let more = points.len() < all;
    let points: Vec<Value> = points.into_iter().map(|(_, object)| view(object)).collect();
    Ok(Answer::json(&json!({ "points": points, "more": more })))
}

/// The point that is asked for, if it is there for who asks.
fn point(server: &Server, asked: &Asked) -> Result<(Place, Arc<Object>), Problem> {
    let missing = || Problem::missing("recovery point");
    let place = asked.part(0).parse().map(Place::Point).map_err(|_| missing())?;
    let object = one(server, asked.who()?, &place, "recovery point")?;
    Ok((place, object))
}

async fn show(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    Ok(Answer::json(&view(&point(&server, &asked)?.1)))
}

async fn begin(server: Arc<Server>, asked: Asked, method: &str) -> Result<Answer, Problem> {
    let (place, _) = point(&server, &asked)?;
    let job = server.client.begin(&place, method, &()).await?;
    Ok(Answer::json(&json!({ "job": id(&job) })))
}

/// The volume that is meant. Of several none is guessed.
fn volume(object: &Object, asked: &Asked) -> Result<Option<String>, Problem> {
    let Object::Point(point) = object else { return Err(Problem::missing("recovery point")) };
    let named = asked.body.some_text("volume");
    let names: Vec<&str> = point.volumes.iter().map(|(_, name, _)| name.as_str()).collect();
    match named {
        Some(name) if !names.is_empty() && !names.contains(&name) => {
            Err(Problem::invalid(format!("there is no volume of that name, only {names:?}")))
        }
        None if names.len() > 1 => {
            Err(Problem::invalid(format!("`volume` is to be one of {names:?}")))
        }
        named => Ok(named.map(str::to_owned)),
    }
}

async fn restore(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let (place, object) = point(&server, &asked)?;
    let target = asked.body.text("target");
    if !target.starts_with('/') {
        return Err(Problem::invalid("`target` is no absolute path"));
    }
    let options = RestoreOptions {
        volume: volume(&object, &asked)?,
        target: Some(target.to_owned()),
        overwrite: asked.body.flag("overwrite"),
    };
    let job = server.client.begin(&place, "Restore", &(options.arguments(),)).await?;
    Ok(Answer::json(&json!({ "job": id(&job) })))
}

async fn export(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let (place, object) = point(&server, &asked)?;
    let options = ExportOptions {
        volume: volume(&object, &asked)?,
        writable: asked.body.flag("writable"),
        ..ExportOptions::default()
    };
    let export = server.client.begin(&place, "Export", &(options.arguments(),)).await?;
    Ok(Answer::json(&json!({ "export": id(&export) })))
}

async fn change(server: Arc<Server>, asked: Asked, method: &str) -> Result<Answer, Problem> {
    let (place, _) = point(&server, &asked)?;
    let account = &asked.who()?.account;
    let reason = format!("{account}: {}", asked.body.text("reason"));
    server.client.call::<_, ()>(&place, method, &reason).await?;
    Ok(Answer::done())
}

async fn remove(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let newest = asked.body.flag("newest");
    let removed = change(server, asked, if newest { "RemoveNewest" } else { "Remove" }).await;
    // The engine speaks to who has a shell.
    removed.map_err(|problem| match problem.next.contains("--yes") {
        true => Problem { next: "send `newest` as true if that is meant".to_owned(), ..problem },
        false => problem,
    })
}

async fn plainly(server: Arc<Server>, asked: Asked, method: &str) -> Result<Answer, Problem> {
    let (place, _) = point(&server, &asked)?;
    server.client.call::<_, ()>(&place, method, &()).await?;
    Ok(Answer::done())
}
