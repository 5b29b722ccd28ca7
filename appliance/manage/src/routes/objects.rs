//! What is only looked at or stopped: exports, intakes, disks. And how any object is found for
//! somebody who sees it.

use std::sync::Arc;

use bus::{Object, Place};
use futures_util::FutureExt;
use serde_json::{Value, json};

use crate::http::Answer;
use crate::identity::Identity;
use crate::problem::Problem;
use crate::render::view;
use crate::role::{READERS, RESTORERS, WITNESSES};
use crate::route::{Access, Asked, Gives, Route};
use crate::server::Server;
use crate::shape::{Kind, may};

pub(crate) const ROUTES: &[Route] = &[
    Route::get(
        "/api/v1/exports",
        Access::Roles(READERS),
        "Recovery points that are served as disks",
        Gives::Views("export"),
        |server, asked| list(server, asked, "export").boxed(),
    ),
    Route::post(
        "/api/v1/exports/{number}/stop",
        Access::Roles(RESTORERS),
        "Stop an export",
        Gives::Done,
        |server, asked| stop(server, asked).boxed(),
    )
    .body(&[may("discard", Kind::Flag, "What clients wrote goes as well")]),
    Route::get(
        "/api/v1/intakes",
        Access::Roles(READERS),
        "Disks that clients write to",
        Gives::Views("intake"),
        |server, asked| list(server, asked, "intake").boxed(),
    ),
    Route::get(
        "/api/v1/disks",
        Access::Wide(WITNESSES),
        "Disks of the pool",
        Gives::Views("disk"),
        |server, asked| list(server, asked, "disk").boxed(),
    ),
];

/// Between which places the objects of a kind stand.
fn is_of_kind(place: &Place, kind: &str) -> bool {
    match place {
        Place::Appliance | Place::Pool => false,
        Place::Disk(_) => kind == "disk",
        Place::System(_) => kind == "system",
        Place::Point(_) => kind == "point",
        Place::Job(_) => kind == "job",
        Place::Export(_) => kind == "export",
        Place::Intake(_) => kind == "intake",
        Place::Alert(_) => kind == "alert",
    }
}

/// All objects of a kind that somebody sees, in the order of their places.
pub(super) fn seen(server: &Server, who: &Identity, kind: &str) -> Vec<Arc<Object>> {
    let objects = server.world.objects();
    let of_kind = objects.iter().filter(|(place, _)| is_of_kind(place, kind));
    let seen = of_kind.filter(|(_, object)| who.sees(&objects, object));
    seen.map(|(_, object)| object.clone()).collect()
}

/// An object that somebody sees. One that is there and not for him is not there.
pub(super) fn one(
    server: &Server,
    who: &Identity,
    place: &Place,
    what: &str,
) -> Result<Arc<Object>, Problem> {
    let objects = server.world.objects();
    let found = objects.get(place).filter(|object| who.sees(&objects, object));
    found.cloned().ok_or_else(|| Problem::missing(what))
}

/// The place that a number in a path names.
pub(super) fn number(asked: &Asked, make: fn(u64) -> Place, what: &str) -> Result<Place, Problem> {
    let text = asked.part(0);
    let number = text.parse().ok().filter(|number: &u64| number.to_string() == text);
    number.map(make).ok_or_else(|| Problem::missing(what))
}

pub(super) fn listed(kind: &str, objects: &[Arc<Object>]) -> Answer {
    let views: Vec<Value> = objects.iter().map(|object| view(object)).collect();
    Answer::json(&json!({ format!("{kind}s"): views }))
}

async fn list(server: Arc<Server>, asked: Asked, kind: &str) -> Result<Answer, Problem> {
    Ok(listed(kind, &seen(&server, asked.who()?, kind)))
}

async fn stop(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let place = number(&asked, Place::Export, "export")?;
    one(&server, asked.who()?, &place, "export")?;
    server.client.call::<_, ()>(&place, "Stop", &asked.body.flag("discard")).await?;
    Ok(Answer::done())
}
