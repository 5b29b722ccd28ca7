//! Reports, made anew each time that one is asked for.

use std::sync::Arc;
use std::time::Duration;

use bus::{Object, Place};
use futures_util::FutureExt;
use jiff::tz::TimeZone;
use report::{AlertRecord, Facts, Kind as Report, Period, Scope};
use serde_json::{Value, json};

use crate::http::Answer;
use crate::identity::Identity;
use crate::problem::{Kind as Wrong, Problem};
use crate::requests::Request;
use crate::role::READERS;
use crate::route::{Access, Asked, Gives, Route};
use crate::server::{REPORTS, Server, now};
use crate::shape::{Kind, may};
use crate::state::RecordKind;

pub(crate) const ROUTES: &[Route] = &[
    Route::get(
        "/api/v1/reports",
        Access::Roles(READERS),
        "Which reports there are",
        Gives::Fields(&[("reports", "Each with kind, title and how often it is usual")]),
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

/// How long somebody waits for others' reports.
const MADE_WITHIN: Duration = Duration::from_secs(20);

async fn list(_: Arc<Server>, _: Asked) -> Result<Answer, Problem> {
    let reports: Vec<Value> = Report::ALL
        .iter()
        .map(|kind| {
            let cadence = kind.cadence().as_str();
            json!({ "kind": kind.as_str(), "title": kind.title(), "cadence": cadence })
        })
        .collect();
    Ok(Answer::json(&json!({ "reports": reports })))
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
    let place = tokio::time::timeout(MADE_WITHIN, server.reports.acquire()).await;
    let Ok(Ok(_place)) = place else {
        let what = format!("{REPORTS} reports are being made");
        return Err(Problem::new(Wrong::TooOften, what, "try again in some seconds"));
    };
    let mut facts = facts(&server).await?;
    let requests: Vec<Request> =
        server.with_state(|state| state.records(RecordKind::Request)).await?;
    facts.requests = requests.into_iter().map(|request| request.of).collect();
    facts.usage = server.with_state(|state| state.records(RecordKind::Usage)).await?;
    let of_client = |name: &str| facts.plan.clients.iter().find(|client| client.name == name);
    let zone = client.as_deref().and_then(of_client).map(|client| client.zone.as_str());
    // The plan was checked when it came; a zone that is not known here is no reason for no report.
    let zone = zone.and_then(|zone| TimeZone::get(zone).ok()).unwrap_or(TimeZone::UTC);
    let period = match asked.query.number("days") {
        Some(days) => Period::days_before(days.max(1), facts.now),
        None => kind.usual_period(facts.now, &zone),
    };
    let scope = Scope { client, period, zone };
    let made = tokio::task::spawn_blocking(move || report::make(kind, &facts, &scope)).await;
    let made = made.map_err(Problem::inside)?;
    let made = made.map_err(|error| Problem::invalid(error.to_string()))?;
    let (media, text, end) = match asked.query.text("format") {
        "csv" => ("text/csv; charset=utf-8", made.csv(), "csv"),
        "json" => ("application/json", made.json(), "json"),
        _ => return Ok(Answer::page(made.html())),
    };
    Ok(Answer::whole(media, text.into()).named(&format!("{}.{end}", kind.as_str())))
}

/// What the box shows now.
async fn facts(server: &Server) -> Result<Facts, Problem> {
    let text: String = server.client.call(&Place::Appliance, "ExportPlan", &()).await?;
    let plan = plan::parse(&text).plan.ok_or_else(|| Problem::inside("the plan of the engine"))?;
    let mut facts = Facts { appliance: server.name.clone(), now: now(), plan, ..Facts::default() };
    let objects: Vec<Arc<Object>> = server.world.objects().values().cloned().collect();
    for object in &objects {
        match &**object {
            Object::System(view) => facts.systems.push(view.clone()),
            Object::Point(view) => facts.points.push(view.clone()),
            Object::Job(view) => facts.jobs.push(view.clone()),
            Object::Alert(view) => {
                facts.alerts.push(AlertRecord { alert: view.clone(), ..AlertRecord::default() });
            }
            Object::Disk(view) => facts.disks.push(view.clone()),
            Object::Pool(view) => facts.pool = Some(view.clone()),
            Object::Appliance(_) | Object::Export(_) | Object::Intake(_) => {}
        }
    }
    Ok(facts)
}
