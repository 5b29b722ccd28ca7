//! Facts whose figures were worked out by hand.
//!
//! It is Wednesday, 2026-11-25 12:00:00 UTC.

use bus::{AlertView, JobKind, JobState, JobView, Place, PointView, PoolView, SystemView};
use jiff::tz::TimeZone;
use model::PointId;
use plan::Plan;

use crate::{
    AlertRecord, Cell, Clocks, Contract, Facts, Kind, Notice, Period, Report, RestoreClass,
    RestoreRequest, Scope, Told, Usage, Work, make,
};

pub(super) const HOUR: u64 = 3600;
pub(super) const DAY: u64 = 86_400;
pub(super) const GB: u64 = 1_000_000_000;
pub(super) const NOW: u64 = 1_795_608_000;

pub(super) fn plan_of(clients: &[&str]) -> Plan {
    let mut document = String::from("format = 1\n");
    for client in clients {
        document += &format!("[[client]]\nname = \"{client}\"\nzone = \"Europe/Berlin\"\n");
    }
    for client in clients {
        document += &format!(
            "[[system]]\nname = \"mail of {client}\"\nclient = \"{client}\"\n\
             source = {{ kind = \"push\" }}\nrpo = \"4h\"\nrto = \"1h\"\ninterval = \"2h\"\n\
             retention = {{ hourly = 24, daily = 14, lock = \"1d\" }}\nexcluded = [\"swap\"]\n"
        );
    }
    let parsed = plan::parse(&document);
    parsed.plan.unwrap_or_else(|| panic!("{:#?}", parsed.problems))
}

pub(super) fn point(system: &str, number: u8, created: u64, added: u64) -> PointView {
    PointView {
        id: PointId([number; 16]).to_string(),
        system: Place::System(system.into()).path(),
        created_at: created,
        sequence: u64::from(number),
        logical_bytes: 100 * GB,
        added_bytes: added,
        consistency: "crash".into(),
        ..Default::default()
    }
}

pub(super) fn job(system: &str, number: u64, state: JobState, ended: u64) -> JobView {
    JobView {
        number,
        kind: JobKind::Ingest,
        state,
        subject: system.into(),
        system: Place::System(system.into()).path(),
        point: Place::Appliance.path(),
        queued_at: ended - 700,
        started_at: ended - 600,
        ended_at: ended,
        bytes_done: 10 * GB,
        ..Default::default()
    }
}

/// The job that made a recovery point, with what it said of it.
pub(super) fn made(point: &PointView, number: u64, parent: &str, changed: u64) -> JobView {
    let id = &point.id;
    let mut job = job("", number, JobState::Done, point.created_at + 600);
    job.system = point.system.clone();
    job.point = Place::Point(id.parse().unwrap()).path();
    job.outcome = format!(
        "{{\"point\": \"{id}\", \"parent\": {parent}, \"bytes_changed\": {changed}, \
         \"bytes_read\": {changed}}}"
    );
    job
}

/// All facts about one client: a system `mail of CLIENT` with three recovery points.
pub(super) fn facts_of(client: &str, zero: u8) -> Facts {
    let system = format!("mail of {client}");
    let points = vec![
        PointView { verified_at: NOW - HOUR, ..point(&system, zero + 1, NOW - 40 * HOUR, 60 * GB) },
        point(&system, zero + 2, NOW - 20 * HOUR, 5 * GB),
        point(&system, zero + 3, NOW - HOUR, 6 * GB),
    ];
    let first = u64::from(zero);
    let mut failed = job(&system, first + 4, JobState::Failed, NOW - 10 * HOUR);
    (failed.cause, failed.next_step) = ("the source is away".into(), "look at its network".into());
    let jobs = vec![
        made(&points[0], first + 1, "null", 60 * GB),
        made(&points[1], first + 2, "\"0a\"", 7 * GB),
        made(&points[2], first + 3, "\"0b\"", 8 * GB),
        failed,
    ];
    let view = SystemView {
        id: system.clone(),
        name: system.clone(),
        client: client.into(),
        points: 3,
        ..Default::default()
    };
    Facts {
        appliance: "box 7".into(),
        now: NOW,
        plan: plan_of(&[client]),
        systems: vec![view],
        points,
        jobs,
        alerts: vec![alert(client, first)],
        requests: vec![request(client, first)],
        notices: vec![notice(client, first)],
        contracts: vec![contract(client)],
        usage: vec![usage(client)],
        work: vec![work(client)],
        ..Default::default()
    }
}

fn alert(client: &str, number: u64) -> AlertRecord {
    let alert = AlertView {
        number,
        code: "rpo-breached".into(),
        severity: 7,
        subject: format!("mail of {client}"),
        client: client.into(),
        cause: format!("mail of {client} is late"),
        since: NOW - 5 * HOUR,
        acknowledged_by: format!("kim of {client}"),
        ..Default::default()
    };
    let (acknowledged_at, cleared_at) = (Some(NOW - 4 * HOUR), Some(NOW - 2 * HOUR));
    AlertRecord { alert, acknowledged_at, cleared_at }
}

fn request(client: &str, id: u64) -> RestoreRequest {
    RestoreRequest {
        id,
        client: client.into(),
        system: format!("mail of {client}"),
        point: String::new(),
        class: RestoreClass::System,
        clocks: Clocks::new(NOW - 20 * 60),
        requester: format!("alex of {client}"),
        ticket: format!("T-{client}"),
    }
}

fn notice(client: &str, id: u64) -> Notice {
    Notice {
        id,
        what: "an update".into(),
        reason: "security".into(),
        begin: NOW + 80 * HOUR,
        end: NOW + 81 * HOUR,
        emergency: None,
        clients: vec![client.into()],
        told: vec![Told { client: client.into(), at: NOW - HOUR }],
    }
}

fn contract(client: &str) -> Contract {
    Contract {
        client: client.into(),
        tier: "gold".into(),
        systems: Some(2),
        source_bytes: Some(110 * GB),
        stored_bytes: Some(70 * GB),
        retention_days: Some(30),
        work_seconds: Some(5 * HOUR),
    }
}

fn usage(client: &str) -> Usage {
    let (source_bytes, stored_bytes) = (95 * GB, 61 * GB);
    Usage { client: client.into(), at: NOW - 10 * DAY, systems: 1, source_bytes, stored_bytes }
}

fn work(client: &str) -> Work {
    let (by, what) = (format!("kim of {client}"), "a restore".into());
    let ticket = String::new();
    Work { client: client.into(), at: NOW - 3 * HOUR, seconds: 2 * HOUR, by, what, ticket }
}

/// Both together, on one appliance.
pub(super) fn joined(one: Facts, other: Facts) -> Facts {
    let mut all = one;
    all.plan.clients.extend(other.plan.clients);
    all.plan.systems.extend(other.plan.systems);
    all.systems.extend(other.systems);
    all.points.extend(other.points);
    all.jobs.extend(other.jobs);
    all.alerts.extend(other.alerts);
    all.requests.extend(other.requests);
    all.notices.extend(other.notices);
    all.contracts.extend(other.contracts);
    all.usage.extend(other.usage);
    all.work.extend(other.work);
    all.pool = Some(PoolView { stored_bytes: 987_654_321_987, ..Default::default() });
    all
}

/// The report about the last two days, for a client or the whole appliance.
pub(super) fn report(kind: Kind, facts: &Facts, client: Option<&str>) -> Report {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let period = Period::days_before(2, NOW);
    make(kind, facts, &Scope { client: client.map(str::to_owned), period, zone }).unwrap()
}

/// The cell of a key figure.
pub(super) fn figure(report: &Report, section: &str, key: &str) -> Cell {
    let section = report.sections.iter().find(|one| one.spec.key == section).unwrap();
    let place = section.spec.fields.iter().position(|field| field.key == key).unwrap();
    match &section.body {
        crate::Body::Figures(cells) => cells[place].clone(),
        crate::Body::Table(_) => panic!("{} is a table", section.spec.key),
    }
}

/// The cells of one column.
pub(super) fn column(report: &Report, section: &str, key: &str) -> Vec<Cell> {
    let section = report.sections.iter().find(|one| one.spec.key == section).unwrap();
    let place = section.spec.fields.iter().position(|field| field.key == key).unwrap();
    match &section.body {
        crate::Body::Table(table) => table.rows.iter().map(|row| row[place].clone()).collect(),
        crate::Body::Figures(_) => panic!("{} has figures", section.spec.key),
    }
}
