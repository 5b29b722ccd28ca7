//! Restores that somebody asked for.

use std::sync::Arc;

use bus::{Object, Place};
use futures_util::FutureExt;
use report::{Clocks, RestoreClass, RestoreRequest, Step};
use serde_json::{Value, json};

use super::objects::one;
use super::pages;
use crate::http::Answer;
use crate::identity::Identity;
use crate::problem::{Kind as Wrong, Problem};
use crate::requests::Request;
use crate::role::{ASKERS, READERS, RESTORERS};
use crate::route::{Access, Asked, Gives, Route};
use crate::server::{Server, now};
use crate::shape::{Kind, may, must};
use crate::state::RecordKind;

/// Most requests of one account for one client that wait: the MSP is told of each, beside the
/// alerts.
const MOST_WAITING: usize = 20;

/// The same for all clients together, of an account that is bound to some and of the MSP's own.
const MOST_OF_BOUND: usize = 20;
const MOST_OF_WIDE: usize = 200;

/// The steps of a request, in their order.
const STEPS: &[&str] = &["acknowledged", "started", "first-byte", "usable", "verified"];

pub(crate) const ROUTES: &[Route] = &[
    Route::get(
        "/api/v1/requests",
        Access::Roles(READERS),
        "Restores that somebody asked for, and how what was promised for them stands",
        Gives::Fields(&[
            (
                "requests",
                "The newest first, each with id, client, system, point, class, wish, requester, \
                 clocks, promises, next",
            ),
            pages::MORE,
        ]),
        |server, asked| list(server, asked).boxed(),
    )
    .query(pages::QUERY),
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
    let (seen, more) = pages::page(&asked, seen, |request| request.of.id);
    let requests: Vec<Value> = seen.iter().map(|request| request.to_json(now())).collect();
    Ok(Answer::json(&json!({ "requests": requests, "more": more })))
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
    let client = of.client.clone();
    let make = move |id| Request { of: RestoreRequest { id, ..of }, wish, by: Vec::new() };
    let who = who.clone();
    let made = server.with_state(move |state| {
        let _alone = state.alone();
        let all: Vec<Request> = state.records(RecordKind::Request)?;
        if !may_wait(&all, &who, &client) {
            return Ok(None);
        }
        state.add_record(RecordKind::Request, make).map(Some)
    });
    let number = made.await?.ok_or_else(|| {
        let what = "too many requests of yours wait to be begun";
        Problem::new(Wrong::Conflict, what, "wait for the MSP, or call")
    })?;
    server.requested.notify_one();
    Ok(Answer::json(&json!({ "request": number })))
}

/// Whether one more request of somebody for a client may wait.
fn may_wait(all: &[Request], who: &Identity, client: &str) -> bool {
    let waits = |request: &&RestoreRequest| {
        request.requester == who.account && request.clocks.at(Step::Started).is_none()
    };
    let own: Vec<&RestoreRequest> = all.iter().map(|request| &request.of).filter(waits).collect();
    let of_client = own.iter().filter(|request| request.client == client).count();
    let most = if who.is_wide() { MOST_OF_WIDE } else { MOST_OF_BOUND };
    of_client < MOST_WAITING && own.len() < most
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Means;
    use crate::role::Role;

    fn who(role: Role, clients: &[&str]) -> Identity {
        Identity {
            account: "a".to_owned(),
            role,
            clients: clients.iter().map(|&client| client.to_owned()).collect(),
            means: Means::Token,
            session: String::new(),
            until: 0,
        }
    }

    fn request(requester: &str, client: &str) -> Request {
        let of = RestoreRequest {
            id: 1,
            client: client.to_owned(),
            system: "mail".to_owned(),
            point: String::new(),
            class: RestoreClass::File,
            clocks: Clocks::new(1),
            requester: requester.to_owned(),
            ticket: String::new(),
        };
        Request { of, wish: "it".to_owned(), by: Vec::new() }
    }

    #[test]
    fn the_msps_own_may_ask_for_every_client_and_others_for_all_of_theirs_together() {
        let wide = who(Role::Technician, &[]);
        let bound = who(Role::ClientTechnician, &["acme", "globex"]);
        let mut all: Vec<Request> = (0..20).map(|_| request("a", "acme")).collect();
        assert!(!may_wait(&all, &wide, "acme") && !may_wait(&all, &bound, "acme"));
        assert!(may_wait(&all, &wide, "globex") && !may_wait(&all, &bound, "globex"));
        all[7].of.clocks.take(Step::Acknowledged, 2).unwrap();
        all[7].of.clocks.take(Step::Started, 3).unwrap();
        assert!(may_wait(&all, &wide, "acme") && may_wait(&all, &bound, "globex"));
        // Those of others are in nobody's way.
        all.extend((0..500).map(|_| request("b", "acme")));
        assert!(may_wait(&all, &bound, "acme"));
        all.extend((0..180).map(|number| request("a", &format!("c{}", number / 20))));
        assert!(may_wait(&all, &wide, "new"), "199 wait");
        all.push(request("a", "c9"));
        assert!(!may_wait(&all, &wide, "new"), "200 wait");
    }
}
