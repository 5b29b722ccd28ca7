//! Reports are made here, of what the box shows and what was recorded.

use std::sync::Arc;
use std::time::Duration;

use bus::{Object, Place};
use jiff::tz::TimeZone;
use plan::Plan;
use report::{AlertRecord, Facts, Kind, Period, Report, Scope};

use crate::contracts::{Agreed, Done};
use crate::notices::Planned;
use crate::problem::{Kind as Wrong, Problem};
use crate::requests::Request;
use crate::server::{REPORTS, Server, now};
use crate::state::{RecordKind, State};

/// How long somebody waits for others' reports.
const MADE_WITHIN: Duration = Duration::from_secs(20);

/// Which report.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) kind: Kind,
    /// Of this client only.
    pub(crate) client: Option<String>,
    pub(crate) about: About,
    /// That of the client, or UTC, if none is named.
    pub(crate) zone: Option<TimeZone>,
}

/// What time it is about.
#[derive(Debug)]
pub(crate) enum About {
    /// As is usual for its kind.
    Usual,
    /// So many days until now.
    Days(u64),
    Exactly(Period),
}

impl Server {
    /// Names of the plan's clients; none while it is not known.
    pub(crate) async fn clients(&self) -> Option<Vec<String>> {
        let plan = self.plan().await.ok()?;
        Some(plan.clients.into_iter().map(|client| client.name).collect())
    }

    /// The plan in force.
    pub(crate) async fn plan(&self) -> Result<Plan, Problem> {
        let text: String = self.client.call(&Place::Appliance, "ExportPlan", &()).await?;
        plan::parse(&text).plan.ok_or_else(|| Problem::inside("the plan of the engine"))
    }

    /// Makes a report, and of it what is wanted: while it holds its place, as a page of it may be
    /// larger than itself.
    pub(crate) async fn report<T: Send + 'static>(
        self: &Arc<Self>,
        wanted: Wanted,
        render: impl FnOnce(&Report) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let place = tokio::time::timeout(MADE_WITHIN, self.reports.acquire()).await;
        let Ok(Ok(_place)) = place else {
            let what = format!("{REPORTS} reports are being made");
            return Err(Problem::new(Wrong::TooOften, what, "try again in some seconds"));
        };
        let mut facts = shown(self).await?;
        facts = self.with_state(move |state| recorded(state, facts)).await?;
        let Wanted { kind, client, about, zone } = wanted;
        let of_client = |name: &str| facts.plan.clients.iter().find(|client| client.name == name);
        let own = client.as_deref().and_then(of_client).map(|client| client.zone.as_str());
        // The plan was checked when it came; a zone that is not known here is no reason for no
        // report.
        let own = || own.and_then(|zone| TimeZone::get(zone).ok()).unwrap_or(TimeZone::UTC);
        let zone = zone.unwrap_or_else(own);
        let period = match about {
            About::Days(days) => Period::days_before(days.max(1), facts.now),
            About::Usual => kind.usual_period(facts.now, &zone),
            About::Exactly(period) => period,
        };
        let scope = Scope { client, period, zone };
        let make = move || report::make(kind, &facts, &scope).map(|made| render(&made));
        let made = tokio::task::spawn_blocking(make).await;
        made.map_err(Problem::inside)?.map_err(|error| Problem::invalid(error.to_string()))
    }
}

/// What the box shows now.
async fn shown(server: &Server) -> Result<Facts, Problem> {
    if !server.world.is_whole() {
        let what = "the box is locked, or its engine has just started: what a report says is not \
                    known";
        return Err(Problem::new(Wrong::Away, what, "unlock it, or try again in some seconds"));
    }
    let plan = server.plan().await?;
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

/// The same with what people did.
fn recorded(state: &State, mut facts: Facts) -> crate::Result<Facts> {
    let requests: Vec<Request> = state.records(RecordKind::Request)?;
    facts.requests = requests.into_iter().map(|request| request.of).collect();
    facts.usage = state.records(RecordKind::Usage)?;
    let changes: Vec<Planned> = state.records(RecordKind::Notice)?;
    let held = changes.into_iter().filter(|change| change.cancelled.is_none());
    facts.notices = held.map(|change| change.of).collect();
    let agreed: Vec<Agreed> = state.records(RecordKind::Contract)?;
    facts.contracts = agreed.into_iter().filter_map(|agreed| agreed.contract).collect();
    let work: Vec<Done> = state.records(RecordKind::Work)?;
    facts.work = work.into_iter().map(|done| done.of).collect();
    Ok(facts)
}
