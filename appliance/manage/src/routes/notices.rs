//! Planned changes: announced, told, cancelled.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::FutureExt;
use report::Notice;
use serde_json::{Value, json};

use super::pages;
use crate::http::Answer;
use crate::identity::Identity;
use crate::notices::Planned;
use crate::problem::{Kind as Wrong, Problem};
use crate::role::{DESK, READERS, RESTORERS};
use crate::route::{Access, Asked, Gives, Route};
use crate::server::{Server, now};
use crate::shape::{Kind, may, must};
use crate::state::RecordKind;

/// Most that may be ahead.
struct Most {
    /// Clients to be told, over all changes: each is something that the notifier remembers beside
    /// the alerts, of which it must lose none.
    told: usize,
    /// Changes that concern one client.
    of_client: usize,
    /// Changes that one account announced.
    own: usize,
}

/// For accounts that are bound to clients.
const BOUND: Most = Most { told: 500, of_client: 30, own: 20 };

/// For the MSP's own: nothing that accounts of clients announce keeps them from it.
const WIDE: Most = Most { told: 1000, of_client: 60, own: 1000 };

/// The latest second that a change may have: the end of the year 9999.
const LAST: u64 = 253_402_300_799;

pub(crate) const ROUTES: &[Route] = &[
    Route::get(
        "/api/v1/notices",
        Access::Roles(READERS),
        "Planned changes, and for each client whether it was told 72 hours ahead",
        Gives::Fields(&[
            (
                "notices",
                "The newest first, each with id, what, reason, begin, end, emergency, by, \
                 cancelled, clients",
            ),
            pages::MORE,
        ]),
        |server, asked| list(server, asked).boxed(),
    )
    .query(pages::QUERY),
    Route::post(
        "/api/v1/notices",
        Access::Roles(RESTORERS),
        "Announce a change: clients are told by the channels that lead to their contacts",
        Gives::Id("notice"),
        |server, asked| announce(server, asked).boxed(),
    )
    .body(&[
        must("what", Kind::Text(500), "What is done, for clients to read"),
        must("begin", Kind::Number(LAST), "When, in seconds since 1970"),
        must("end", Kind::Number(LAST), "By when it is over"),
        must("clients", Kind::Texts(64, 255), "Clients of the plan that it concerns"),
        may("reason", Kind::Text(500), "Why"),
        may("emergency", Kind::Text(500), "Why it cannot wait for 72 hours, if it cannot"),
    ]),
    Route::post(
        "/api/v1/notices/{number}/told",
        Access::Roles(DESK),
        "Say that somebody told a client, by telephone, say",
        Gives::Done,
        |server, asked| told(server, asked).boxed(),
    )
    .body(&[must("client", Kind::Text(255), "The client")]),
    Route::post(
        "/api/v1/notices/{number}/cancel",
        Access::Roles(RESTORERS),
        "Say that it does not take place; a client's technician, of what he announced",
        Gives::Done,
        |server, asked| cancel(server, asked).boxed(),
    ),
];

/// Those that concern somebody, the newest first.
async fn list(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let who = asked.who()?.clone();
    let all: Vec<Planned> = server.with_state(|state| state.records(RecordKind::Notice)).await?;
    let seen = all.iter().rev().filter(|change| change.is_seen_by(&who));
    let (seen, more) = pages::page(&asked, seen, |change| change.of.id);
    let notices: Vec<Value> = seen.iter().map(|change| change.to_json(&who, now())).collect();
    Ok(Answer::json(&json!({ "notices": notices, "more": more })))
}

async fn announce(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let (who, body) = (asked.who()?, &asked.body);
    let number = |name: &str| body.number(name).unwrap_or_default();
    let text = |name: &str| body.text(name).trim().to_owned();
    let of = Notice {
        id: 0,
        what: text("what"),
        reason: text("reason"),
        begin: number("begin"),
        end: number("end"),
        emergency: Some(text("emergency")).filter(|text| !text.is_empty()),
        clients: body.texts("clients").unwrap_or_default(),
        told: Vec::new(),
    };
    if of.what.is_empty() {
        return Err(Problem::invalid("`what` says nothing"));
    }
    if of.end <= of.begin || of.end <= now() {
        let next = "send `end` after `begin` and in the future";
        return Err(Problem::new(Wrong::Invalid, "the change is over before it begins", next));
    }
    let zones = zones(&server, who, &of.clients).await?;
    // Who is named twice is told once.
    let of = Notice { clients: zones.keys().cloned().collect(), ..of };
    let most = if who.is_wide() { WIDE } else { BOUND };
    let (by, at) = (who.account.clone(), now());
    let made = server.with_state(move |state| {
        let _alone = state.alone();
        let all: Vec<Planned> = state.records(RecordKind::Notice)?;
        let ahead: Vec<&Planned> = all.iter().filter(|change| change.is_ahead(at)).collect();
        if !most.lets(&ahead, &of.clients, &by) {
            return Ok(None);
        }
        let make = |id| Planned { of: Notice { id, ..of }, by, cancelled: None, zones };
        state.add_record(RecordKind::Notice, make).map(Some)
    });
    let made = made.await?.ok_or_else(|| {
        let what = "too many changes are ahead";
        Problem::new(Wrong::Conflict, what, "cancel those that do not take place")
    })?;
    server.requested.notify_one();
    Ok(Answer::json(&json!({ "notice": made })))
}

impl Most {
    /// Whether one more change for clients, all of them different, may be ahead.
    fn lets(&self, ahead: &[&Planned], clients: &[String], by: &str) -> bool {
        let told: usize = ahead.iter().map(|change| change.of.clients.len()).sum();
        let own = ahead.iter().filter(|change| change.by == by).count();
        let of_client = |client: &String| {
            ahead.iter().filter(|change| change.of.clients.contains(client)).count()
        };
        told + clients.len() <= self.told
            && own < self.own
            && clients.iter().all(|client| of_client(client) < self.of_client)
    }
}

/// The time zones of clients, all of which are there for who asks.
async fn zones(
    server: &Server,
    who: &Identity,
    clients: &[String],
) -> Result<BTreeMap<String, String>, Problem> {
    if clients.is_empty() {
        return Err(Problem::new(Wrong::Invalid, "the change concerns nobody", "name its clients"));
    }
    let plan = server.plan().await?;
    let zone = |name: &String| {
        let known = plan.clients.iter().find(|client| client.name == *name);
        let known = known.filter(|_| who.sees_client(name)).ok_or(Problem::missing("client"))?;
        Ok((name.clone(), known.zone.clone()))
    };
    clients.iter().map(zone).collect()
}

/// Changes a change that is there for who asks.
async fn with_change(
    server: &Server,
    asked: &Asked,
    work: impl FnOnce(&Identity, &mut Planned) -> Result<(), Problem> + Send + 'static,
) -> Result<Answer, Problem> {
    let who = asked.who()?.clone();
    let number = asked.part(0).parse::<u64>().map_err(|_| Problem::missing("notice"))?;
    let changed = server.with_state(move |state| {
        state.change_record(RecordKind::Notice, number, |change: &mut Planned| {
            match change.is_seen_by(&who) {
                true => work(&who, change),
                false => Err(Problem::missing("notice")),
            }
        })
    });
    changed.await?.ok_or_else(|| Problem::missing("notice"))??;
    server.requested.notify_one();
    Ok(Answer::done())
}

async fn told(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let client = asked.body.text("client").to_owned();
    let work = move |who: &Identity, change: &mut Planned| {
        if !who.sees_client(&client) || !change.of.clients.contains(&client) {
            return Err(Problem::missing("client"));
        }
        change.told(&client, now());
        Ok(())
    };
    with_change(&server, &asked, work).await
}

async fn cancel(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let work = |who: &Identity, change: &mut Planned| {
        let others = change.of.clients.iter().any(|client| !who.sees_client(client));
        if others || (!DESK.contains(&who.role) && change.by != who.account) {
            let next = "ask who announced it, or the MSP";
            return Err(Problem::new(Wrong::Forbidden, "that was announced by others", next));
        }
        if !change.is_ahead(now()) {
            let next = "there is nothing left to cancel";
            return Err(Problem::new(Wrong::Conflict, "it is over, or was cancelled", next));
        }
        change.cancelled = Some(now());
        Ok(())
    };
    with_change(&server, &asked, work).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(count: usize, by: &str, clients: &[String]) -> Vec<Planned> {
        let of = Notice { clients: clients.to_vec(), ..Notice::default() };
        let change = Planned { of, by: by.to_owned(), cancelled: None, zones: BTreeMap::new() };
        vec![change; count]
    }

    #[test]
    fn accounts_of_clients_are_in_the_way_of_neither_the_msp_nor_other_clients() {
        let [acme, globex] = ["acme", "globex"].map(|name| vec![name.to_owned()]);
        let lets = |most: Most, all: &[Planned], clients: &[String], by: &str| {
            most.lets(&all.iter().collect::<Vec<_>>(), clients, by)
        };
        let mut all = changes(20, "ann", &acme);
        assert!(!lets(BOUND, &all, &acme, "ann") && lets(BOUND, &all, &acme, "bob"));
        all.extend(changes(10, "bob", &acme));
        assert!(!lets(BOUND, &all, &acme, "bob") && lets(BOUND, &all, &globex, "eve"));
        assert!(lets(WIDE, &all, &acme, "tom"), "the MSP's own still may");
        assert!(!lets(WIDE, &changes(60, "tom", &acme), &acme, "tom"));
        // One for all clients of the largest plan leaves room.
        let many: Vec<String> = (0..500).map(|number| format!("c{number}")).collect();
        let all = changes(1, "tom", &many);
        assert!(lets(WIDE, &all, &acme, "tom") && !lets(BOUND, &all, &acme, "ann"));
        assert!(!lets(WIDE, &changes(2, "tom", &many), &acme, "tom"));
    }
}
