//! Restores that somebody asked for.

use std::sync::Arc;

use bus::{Object, Place};
use futures_util::FutureExt;
use report::{Clocks, RestoreClass, RestoreRequest, Step};
use serde_json::{Value, json};

use super::objects::one;
use crate::http::Answer;
use crate::problem::{Kind as Wrong, Problem};
use crate::requests::Request;
use crate::role::{ASKERS, READERS, RESTORERS};
use crate::route::{Access, Asked, Gives, Route};
use crate::server::{Server, now};
use crate::shape::{Kind, may, must};
use crate::state::RecordKind;

/// Most requests of one account that wait: the MSP is told of each, beside the alerts.
const MOST_WAITING: usize = 20;

/// The steps of a request, in their order.
const STEPS: &[&str] = &["acknowledged", "started", "first-byte", "usable", "verified"];

pub(crate) const ROUTES: &[Route] = &[
    Route::get(
        "/api/v1/requests",
        Access::Roles(READERS),
        "Restores that somebody asked for, and how what was promised for them stands",
        Gives::Fields(&[(
            "requests",
            "Each with id, client, system, point, class, wish, requester, clocks, promises, next",
        )]),
        |server, asked| list(server, asked).boxed(),
    ),
    Route::post(
        "/api/v1/requests",
        Access::Roles(ASKERS),
        "Ask for a system or for files back: the MSP is told, and its clocks run",
        Gives::Id("request"),
        |server, asked| ask(server, asked).boxed(),
    )
    .body(&[
        must("system", Kind::Text(255), "Id of the protected system"),
        must("class", Kind::Word(&["system", "file"]), "A system that is down, or files"),
        must("wish", Kind::Text(2000), "What is wanted back, and where to"),
        may("point", Kind::Text(32), "Id of the recovery point; the newest if nothing is said"),
        may("ticket", Kind::Text(64), "Number in the ticket system"),
    ]),
    Route::post(
        "/api/v1/requests/{number}/step",
        Access::Roles(ASKERS),
        "Say that a step is taken, in their order. Who may only look says that it is verified",
        Gives::Done,
        |server, asked| step(server, asked).boxed(),
    )
    .body(&[must("step", Kind::Word(STEPS), "The step")]),
];

/// Those that somebody sees, the newest first.
async fn list(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let who = asked.who()?.clone();
    let all: Vec<Request> = server.with_state(|state| state.records(RecordKind::Request)).await?;
    let seen = all.iter().rev().filter(|request| who.sees_client(&request.of.client));
    let requests: Vec<Value> = seen.map(|request| request.to_json(now())).collect();
    Ok(Answer::json(&json!({ "requests": requests })))
}

async fn ask(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let (who, body) = (asked.who()?, &asked.body);
    let wish = body.text("wish").trim().to_owned();
    if wish.is_empty() {
        return Err(Problem::invalid("`wish` says nothing"));
    }
    let place = Place::System(body.text("system").to_owned());
    let found = one(&server, who, &place, "system")?;
    let Object::System(system) = &*found else { return Err(Problem::missing("system")) };
    let point = body.text("point").to_owned();
    if !point.is_empty() {
        let place = point.parse().map(Place::Point).map_err(|_| Problem::missing("point"))?;
        match &*one(&server, who, &place, "point")? {
            Object::Point(point) if Place::parse(point.system.as_str()) == found.place() => {}
            _ => return Err(Problem::missing("point")),
        }
    }
    let class = match body.text("class") {
        "system" => RestoreClass::System,
        _ => RestoreClass::File,
    };
    let of = RestoreRequest {
        id: 0,
        client: system.client.clone(),
        system: system.name.clone(),
        point,
        class,
        clocks: Clocks::new(now()),
        requester: who.account.clone(),
        ticket: body.text("ticket").to_owned(),
    };
    let make = move |id| Request { of: RestoreRequest { id, ..of }, wish, by: Vec::new() };
    let asker = who.account.clone();
    let made = server.with_state(move |state| {
        let _alone = state.alone();
        let all: Vec<Request> = state.records(RecordKind::Request)?;
        let waits = |request: &&Request| {
            request.of.requester == asker && request.of.clocks.at(Step::Started).is_none()
        };
        if all.iter().filter(waits).count() >= MOST_WAITING {
            return Ok(None);
        }
        state.add_record(RecordKind::Request, make).map(Some)
    });
    let number = made.await?.ok_or_else(|| {
        let what = format!("{MOST_WAITING} requests of yours wait to be begun");
        Problem::new(Wrong::Conflict, what, "wait for the MSP, or call")
    })?;
    server.requested.notify_one();
    Ok(Answer::json(&json!({ "request": number })))
}

async fn step(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let who = asked.who()?.clone();
    let number = asked.part(0).parse::<u64>().map_err(|_| Problem::missing("request"))?;
    let at = STEPS.iter().position(|word| *word == asked.body.text("step"));
    let step = at.and_then(|at| Step::ALL.get(at)).copied();
    let step = step.ok_or_else(|| Problem::invalid("there is no such step"))?;
    if step != Step::Verified && !RESTORERS.contains(&who.role) {
        return Err(Problem::forbidden(who.role.as_str()));
    }
    let taken = server.with_state(move |state| {
        state.change_record(RecordKind::Request, number, |request: &mut Request| {
            if !who.sees_client(&request.of.client) {
                return Err(Problem::missing("request"));
            }
            request.of.clocks.take(step, now()).map_err(|error| {
                let told = error.to_string();
                let (what, next) = told.split_once("; ").unwrap_or((&told, "list them again"));
                Problem::new(Wrong::Conflict, what, next)
            })?;
            request.by.push(who.account);
            Ok(())
        })
    });
    taken.await?.ok_or_else(|| Problem::missing("request"))??;
    server.requested.notify_one();
    Ok(Answer::done())
}
