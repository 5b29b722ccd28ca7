//! Reports, made anew each time that one is asked for.

use std::sync::Arc;

use futures_util::FutureExt;
use report::Kind as Report;
use serde_json::{Value, json};

use crate::http::Answer;
use crate::identity::Identity;
use crate::problem::{Kind as Wrong, Problem};
use crate::reports::{About, Wanted};
use crate::role::{DESK, READERS};
use crate::route::{Access, Asked, Gives, Route};
use crate::server::Server;
use crate::shape::{Kind, may};

pub(crate) const ROUTES: &[Route] = &[
    Route::get(
        "/api/v1/reports",
        Access::Roles(READERS),
        "Which reports there are, and for the MSP's people which of them go out by mail",
        Gives::Fields(&[
            ("reports", "Each with kind, title and how often it is usual"),
            ("mailed", "Each with kind, client, channels, every, next and last"),
        ]),
        |server, asked| list(server, asked).boxed(),
    ),
    Route::get(
        "/api/v1/reports/{kind}",
        Access::Roles(READERS),
        "One report, of what the box shows now: as a page, for spreadsheets, or for programs",
        Gives::Other("text/html"),
        |server, asked| show(server, asked).boxed(),
    )
    .query(&[
        may("format", Kind::Word(&["html", "csv", "json"]), "A page if nothing is said"),
        may("client", Kind::Text(255), "Of this client only"),
        may("days", Kind::Number(3660), "So many days until now, and not the usual period"),
    ]),
];

async fn list(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let reports: Vec<Value> = Report::ALL
        .iter()
        .map(|kind| {
            let cadence = kind.cadence().as_str();
            json!({ "kind": kind.as_str(), "title": kind.title(), "cadence": cadence })
        })
        .collect();
    let who = asked.who()?;
    let mailed = match who.is_wide() && DESK.contains(&who.role) {
        true => server.channels.notifier.mailings().map_err(Problem::inside)?,
        false => Vec::new(),
    };
    let mailed: Vec<Value> = mailed
        .iter()
        .map(|status| {
            let mailing = &status.mailing;
            json!({
                "kind": mailing.kind.as_str(),
                "client": mailing.client,
                "channels": mailing.channels,
                "every": mailing.every,
                "next": status.next,
                "last": status.last,
            })
        })
        .collect();
    Ok(Answer::json(&json!({ "reports": reports, "mailed": mailed })))
}

/// Whose report it is: an account that is bound gets no other than one client's.
fn client(who: &Identity, asked: &Asked) -> Result<Option<String>, Problem> {
    let wanted = asked.query.some_text("client");
    match (wanted, who.clients.as_slice()) {
        (Some(client), _) if who.sees_client(client) => Ok(Some(client.to_owned())),
        (Some(_), _) => Err(Problem::missing("client")),
        (None, []) if who.is_wide() => Ok(None),
        (None, [one]) => Ok(Some(one.clone())),
        (None, _) => {
            let next = "send `client`, one of those of the account";
            Err(Problem::new(Wrong::Invalid, "a report is of one client", next))
        }
    }
}

async fn show(server: Arc<Server>, asked: Asked) -> Result<Answer, Problem> {
    let kind: Report = asked.part(0).parse().map_err(|_| Problem::missing("report"))?;
    let client = client(asked.who()?, &asked)?;
    let about = asked.query.number("days").map_or(About::Usual, About::Days);
    let format = asked.query.text("format").to_owned();
    let render = move |made: &report::Report| {
        let (media, text, end) = match format.as_str() {
            "csv" => ("text/csv; charset=utf-8", made.csv(), "csv"),
            "json" => ("application/json", made.json(), "json"),
            _ => return Answer::page(made.html()),
        };
        Answer::whole(media, text.into()).named(&format!("{}.{end}", kind.as_str()))
    };
    server.report(Wanted { kind, client, about, zone: None }, render).await
}
