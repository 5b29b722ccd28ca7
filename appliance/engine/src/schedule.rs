//! Begins what the plan says is due.

use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use model::Span;
use operations::uptime;
use plan::{Client, Due, Maintenance, Now, Plan, System, Task, Windows};

use crate::clock::moment;
use crate::engine::Engine;
use crate::jobs::{Retry, Work};
use crate::protection::{self, Run, boot_text};

/// How often what was written since the last scrub is read back from all disks: within a day.
const READ_BACK: Span = Span(20 * 3600);

/// Submits all that is due, and says in how many seconds there is something to do again.
pub(crate) fn begin_due(engine: &Engine) -> Option<u64> {
    engine.access()?;
    let plan = engine.protection.plan();
    let systems = plan.systems.iter().filter_map(|system| begin_system(engine, &plan, system));
    let next = systems.min();
    begin_upkeep(engine, &plan.maintenance);
    // Upkeep is not that urgent.
    next.into_iter().chain((!plan.systems.is_empty()).then_some(60)).min()
}

/// When the next run of a system is due; `None` when it is not to run.
pub(crate) fn due(engine: &Engine, plan: &Plan, system: &System) -> Option<Due> {
    if engine.protection.paused(&system.name).is_some() {
        return None;
    }
    let zone = zone(client(plan, system).map_or("UTC", |client| &client.zone));
    let run = engine.protection.run(&system.name);
    let last = run.map(|run| run.past(engine.pool.age(), uptime()));
    plan::next_due(system, &zone, last.as_ref(), &present(engine, &zone))
}

/// Submits a run if it is time, and says in how many seconds the next one is.
fn begin_system(engine: &Engine, plan: &Plan, system: &System) -> Option<u64> {
    let due = due(engine, plan, system)?;
    let left = due.start.as_second().saturating_sub(Timestamp::now().as_second());
    if left > 0 {
        return u64::try_from(left).ok();
    }
    run_system(engine, plan, system, false);
    None
}

/// Submits a run of a system now; a full one compares with no earlier point. Its job's number, if
/// it was taken.
pub(crate) fn run_system(engine: &Engine, plan: &Plan, system: &System, full: bool) -> Option<u64> {
    let source = protection::source(system)?.to_owned();
    let (name, volume) = (system.name.clone(), VOLUME.to_owned());
    let work = Work::Ingest { system: name, volume, source, full };
    let client = client(plan, system);
    let name = client.map_or("", |client| &client.name);
    match engine.submit(work, name, protection::retry(client)) {
        Ok(number) => {
            note(engine, &system.name);
            Some(number)
        }
        Err(error) => {
            log::error!("{} is due and was not begun: {error}", system.name);
            None
        }
    }
}

/// Whether nothing of a client is tried again now.
pub(crate) fn rests(plan: &Plan, client: &str) -> bool {
    let Some(client) = plan.clients.iter().find(|known| known.name == client) else { return false };
    let never = &client.retry.never_during;
    let windows = Windows { zone: zone(&client.zone), open: never.clone(), closed: Vec::new() };
    !never.is_empty() && windows.is_open(Timestamp::now())
}

/// What an ingest calls the volume of a source that has one.
const VOLUME: &str = "disk0";

/// The client that a system is of.
pub(crate) fn client<'a>(plan: &'a Plan, system: &System) -> Option<&'a Client> {
    plan.clients.iter().find(|client| client.name == system.client)
}

/// Submits upkeep that is due. A run counts from when it was begun.
fn begin_upkeep(engine: &Engine, maintenance: &Maintenance) {
    let duty = |task: &Task| u32::from(task.duty).clamp(1, 100);
    let Maintenance { scrub, reclaim, expire, .. } = maintenance;
    let scrubbing = Work::Scrub { duty: duty(scrub), seconds: None, new: false };
    let reading_back = Work::Scrub { duty: duty(scrub), seconds: None, new: true };
    let always = Task { interval: READ_BACK, windows: Vec::new(), duty: scrub.duty };
    let tasks = [
        ("upkeep: scrub", scrub, scrubbing),
        ("upkeep: read back", &always, reading_back),
        ("upkeep: expire", expire, Work::Expire),
        ("upkeep: reclaim", reclaim, Work::Reclaim(Default::default())),
    ];
    let zone = zone(&maintenance.zone);
    for (name, task, work) in tasks {
        if !is_time(engine, &zone, name, task) {
            continue;
        }
        match engine.submit(work, "", Retry::default()) {
            Ok(_) => note(engine, name),
            Err(error) => log::error!("{name} is due and was not begun: {error}"),
        }
    }
}

/// Whether a task's interval has passed and one of its windows is open. One that never ran is first
/// due when its interval has passed since the engine began to note it.
fn is_time(engine: &Engine, zone: &TimeZone, name: &str, task: &Task) -> bool {
    let Some(run) = engine.protection.run(name) else {
        note(engine, name);
        return false;
    };
    let past = run.past(engine.pool.age(), uptime());
    let windows = Windows { zone: zone.clone(), open: task.windows.clone(), closed: Vec::new() };
    past.age(&now(zone)) >= task.interval && windows.is_open(Timestamp::now())
}

/// Something that begins now.
pub(crate) fn beginning(engine: &Engine) -> Run {
    let (uptime, age) = (uptime(), engine.pool.age());
    Run { age, wall: moment().wall, boot: boot_text(uptime), result: String::new() }
}

fn note(engine: &Engine, name: &str) {
    let run = beginning(engine);
    if let Err(error) = engine.protection.note(&engine.state, name, run) {
        log::error!("{error}");
    }
}

/// The time zone with this name. The plan was checked: an unknown one is of another database.
pub(crate) fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

pub(crate) fn now(zone: &TimeZone) -> Zoned {
    Timestamp::now().to_zoned(zone.clone())
}

fn present(engine: &Engine, zone: &TimeZone) -> Now {
    let up = moment().running.saturating_sub(engine.started.running);
    Now { wall: now(zone), up: Span(up) }
}

/// Runs a system by its name; `None` if the plan has none of that name.
pub(crate) fn run_named(engine: &Arc<Engine>, name: &str, full: bool) -> Option<Option<u64>> {
    let plan = engine.protection.plan();
    let system = plan.systems.iter().find(|system| system.name == name)?;
    Some(run_system(engine, &plan, system, full))
}
