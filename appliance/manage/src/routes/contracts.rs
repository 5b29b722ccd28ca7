//! Contracts with clients, and work for them.

use std::sync::Arc;

use futures_util::FutureExt;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use report::{Contract, Work};
use serde_json::{Value, json};

use super::pages;
use crate::contracts::{self, Done};
use crate::http::Answer;
use crate::identity::Identity;
use crate::problem::{Kind as Wrong, Problem};
use crate::role::{DESK, READERS};
use crate::route::{Access, Asked, Gives, Route, Verb};
use crate::server::{Server, now};
use crate::shape::{Kind, may, must};
use crate::state::RecordKind;

/// Most of anything that is counted.
const MOST: u64 = u64::MAX >> 1;

/// Longest work in one piece, in seconds: a week.
const LONGEST: u64 = 7 * 86_400;

/// Work is written down so long after it began at most, in seconds: no statement of more than a
/// year ago changes. And so long ahead, as clocks differ.
const BACK: u64 = 366 * 86_400;
const AHEAD: u64 = 86_400;

pub(crate) const ROUTES: &[Route] = &[
    Route::get(
        "/api/v1/contracts",
        Access::Roles(READERS),
        "What was agreed with clients. The report `usage` holds it against what is used",
        Gives::Fields(&[(
            "contracts",
            "Each with client, tier, its limits, and `worked_seconds` of this month in UTC",
        )]),
        |server, asked| list(server, asked).boxed(),
    ),
    Route::post(
        "/api/v1/contracts/{client}",
        Access::Roles(DESK),
        "Put a contract in the place of that with this client; what is not sent is not agreed",
        Gives::Done,
        |server, asked| put(server, asked).boxed(),
    )
    .verb(Verb::Put)
    .body(&[
        may("tier", Kind::Text(64), "What it is called"),
        may("systems", Kind::Number(MOST), "Most protected systems"),
        may("source_bytes", Kind::Number(MOST), "Most bytes of their volumes"),
        may("stored_bytes", Kind::Number(MOST), "Most bytes that they take in the store"),
        may("retention_days", Kind::Number(MOST), "Recovery points reach back so far"),
        may("work_seconds", Kind::Number(MOST), "Most work in a month"),
    ]),
    Route::post(
        "/api/v1/contracts/{client}",
        Access::Roles(DESK),
        "End the contract with a client",
        Gives::Done,
        |server, asked| end(server, asked).boxed(),
    )
    .verb(Verb::Delete),
    Route::get(
        "/api/v1/work",
        Access::Roles(READERS),
        "Work that was done for clients, the newest first",
        Gives::Fields(&[
            ("work", "Each with number, client, at, seconds, by, what, ticket"),
            pages::MORE,
        ]),
        |server, asked| list_work(server, asked).boxed(),
    )
    .query(pages::QUERY),
    Route::post(
        "/api/v1/work",
        Access::Roles(DESK),
        "Write down work: it stands in the monthly statement of the client",
        Gives::Id("work"),
        |server, asked| write_down(server, asked).boxed(),
    )
    .body(&[
        must("client", Kind::Text(255), "Client of the plan"),
        must("seconds", Kind::Number(LONGEST), "How long it took"),
        must("what", Kind::Text(500), "What was done, for the client to read"),
        may("ticket", Kind::Text(64), "Number in the ticket system"),
        may("at", Kind::Number(MOST), "When it began; so long ago that it ends now, if not said"),
    ]),
];

async fn list(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let who = asked.who()?.clone();
    let read = |state: &_| Ok((contracts::all(state)?, work(state)?));
    let (all, work) = server.with_state(read).await?;
    let begin = month_of(now());
    let worked = |client: &str| -> u64 {
        let of = work.iter().map(|done| &done.of).filter(|work| work.client == client);
        of.filter(|work| work.at >= begin).map(|work| work.seconds).sum()
    };
    let seen = all.iter().filter(|contract| who.sees_client(&contract.client));
    let contracts: Vec<Value> = seen
        .map(|contract| {
            let mut value = serde_json::to_value(contract).unwrap_or_default();
            value["worked_seconds"] = worked(&contract.client).into();
            value
        })
        .collect();
    Ok(Answer::json(&json!({ "contracts": contracts })))
}

fn work(state: &crate::state::State) -> crate::Result<Vec<Done>> {
    state.records(RecordKind::Work)
}

/// When the month began, in UTC.
fn month_of(now: u64) -> u64 {
    let at = Timestamp::from_second(now.cast_signed()).unwrap_or_default();
    let begin =
        at.to_zoned(TimeZone::UTC).first_of_month().and_then(|day: Zoned| day.start_of_day());
    begin.map_or(0, |begin| begin.timestamp().as_second().cast_unsigned())
}

/// Refuses a client that is not there for who asks.
async fn known(server: &Server, who: &Identity, client: &str) -> Result<(), Problem> {
    let plan = server.plan().await?;
    let is_there = plan.clients.iter().any(|known| known.name == client);
    match is_there && who.sees_client(client) {
        true => Ok(()),
        false => Err(Problem::missing("client")),
    }
}

async fn put(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let (client, body) = (asked.part(0).to_owned(), &asked.body);
    known(&server, asked.who()?, &client).await?;
    let contract = Contract {
        client: client.clone(),
        tier: body.text("tier").to_owned(),
        systems: body.number("systems"),
        source_bytes: body.number("source_bytes"),
        stored_bytes: body.number("stored_bytes"),
        retention_days: body.number("retention_days"),
        work_seconds: body.number("work_seconds"),
    };
    server.with_state(move |state| contracts::put(state, &client, Some(contract))).await?;
    Ok(Answer::done())
}

/// Also with a client that is not in the plan any more.
async fn end(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let client = asked.part(0).to_owned();
    let sees = asked.who()?.sees_client(&client);
    let ended = match sees {
        true => server.with_state(move |state| contracts::put(state, &client, None)).await?,
        false => false,
    };
    if ended { Ok(Answer::done()) } else { Err(Problem::missing("contract")) }
}

async fn list_work(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let who = asked.who()?.clone();
    let all = server.with_state(work).await?;
    let seen = all.iter().rev().filter(|done| who.sees_client(&done.of.client));
    let (work, more) = pages::page(&asked, seen, |done| done.number);
    Ok(Answer::json(&json!({ "work": work, "more": more })))
}

async fn write_down(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let (who, body) = (asked.who()?, &asked.body);
    let (what, seconds) = (body.text("what").trim().to_owned(), body.number("seconds"));
    let seconds = seconds.filter(|seconds| *seconds > 0);
    let (false, Some(seconds)) = (what.is_empty(), seconds) else {
        let next = "say what was done, and for how many seconds";
        return Err(Problem::new(Wrong::Invalid, "that is no work", next));
    };
    let client = body.text("client").to_owned();
    known(&server, who, &client).await?;
    let at = begin(body.number("at"), seconds, now())?;
    let of = Work {
        client,
        at,
        seconds,
        by: who.account.clone(),
        what,
        ticket: body.text("ticket").to_owned(),
    };
    let make = move |number| Done { number, of };
    let number = server.with_state(move |state| state.add_record(RecordKind::Work, make)).await?;
    Ok(Answer::json(&json!({ "work": number })))
}

/// When work began.
fn begin(said: Option<u64>, seconds: u64, now: u64) -> Result<u64, Problem> {
    let at = said.unwrap_or(now.saturating_sub(seconds));
    if (now.saturating_sub(BACK)..=now.saturating_add(AHEAD)).contains(&at) {
        return Ok(at);
    }
    let what = "that work was not done within the last year";
    Err(Problem::new(Wrong::Invalid, what, "send `at` in seconds since 1970, or leave it out"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_was_done_within_a_year() {
        let now = 1_800_000_000;
        assert_eq!(begin(None, 900, now).unwrap(), now - 900);
        for good in [now, now - BACK, now + AHEAD] {
            assert_eq!(begin(Some(good), 1, now).unwrap(), good);
        }
        for bad in [0, now - BACK - 1, now + AHEAD + 1, 1000 * now, MOST] {
            assert_eq!(begin(Some(bad), 1, now).unwrap_err().kind, Wrong::Invalid, "{bad}");
        }
    }

    #[test]
    fn a_month_begins_with_its_first_day() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap().as_second().cast_unsigned();
        assert_eq!(month_of(at("2026-11-20T08:00:00Z")), at("2026-11-01T00:00:00Z"));
        assert_eq!(month_of(at("2026-11-01T00:00:00Z")), at("2026-11-01T00:00:00Z"));
    }
}
