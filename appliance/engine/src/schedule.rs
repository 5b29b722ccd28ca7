//! Begins what the plan says is due.

use std::sync::Arc;

use catalog::Listed;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use model::Span;
use operations::uptime;
use plan::{Client, Due, Maintenance, Now, Plan, Source, System, Task, Windows};

use crate::clock::moment;
use crate::engine::Engine;
use crate::jobs::{Retry, Work};
use crate::protection::{self, Of, Run, boot_text};

/// How often what was written since the last scrub is read back from all disks: within a day.
const READ_BACK: Span = Span(20 * 3600);

/// How often all of a live source is compared, whatever it says to be unchanged.
const COMPARED: Span = Span(30 * 86_400);

/// How often the pool's age is made durable when nothing else is committed.
pub(crate) const COMMIT: Span = Span(3600);

/// For so many seconds after a start of the machine nothing is begun if proof of the time may still
/// come: the first commit is the one by which the time counts that the machine was off.
const PROOF_WITHIN: u64 = 120;

/// Recovery points that are verified by one look at most. Others follow with the next.
const VERIFIED_AT_ONCE: usize = 100;

/// Names of the tasks of upkeep.
pub(crate) mod task {
    pub(crate) const SCRUB: &str = "scrub";
    pub(crate) const READ_BACK: &str = "read back";
    pub(crate) const EXPIRE: &str = "expire";
    pub(crate) const RECLAIM: &str = "reclaim";
    pub(crate) const VERIFY: &str = "verify";
    pub(crate) const CATALOG: &str = "catalog";
}

/// Submits all that is due, and says in how many seconds there is something to do again.
pub(crate) fn begin_due(engine: &Engine) -> Option<u64> {
    engine.access()?;
    if engine.protection.unreadable().is_some() {
        return None;
    }
    let running = uptime();
    if running.seconds < PROOF_WITHIN && engine.pool.catalog.awaits_proof(running) {
        return Some(1);
    }
    let plan = engine.protection.plan();
    let systems = plan.systems.iter().filter_map(|system| begin_system(engine, &plan, system));
    let next = systems.min();
    begin_upkeep(engine, &plan.maintenance);
    next
}

/// When the next run of a system is due; `None` when it is not to run.
pub(crate) fn due(engine: &Engine, plan: &Plan, system: &System) -> Option<Due> {
    if engine.protection.paused(&system.name).is_some() {
        return None;
    }
    let zone = zone(client(plan, system).map_or("UTC", |client| &client.zone));
    let run = engine.protection.run(Of::System(&system.name));
    let last = run.map(|run| run.past(engine.pool.age(), uptime()));
    plan::next_due(system, &zone, last.as_ref(), &present(engine, &zone))
}

/// Submits a run if it is time, and says in how many seconds the next one is.
fn begin_system(engine: &Engine, plan: &Plan, system: &System) -> Option<u64> {
    if protection::comes_by_itself(&system.source) {
        return None;
    }
    let due = due(engine, plan, system)?;
    let left = due.start.as_second().saturating_sub(Timestamp::now().as_second());
    if left > 0 {
        return u64::try_from(left).ok();
    }
    run_system(engine, plan, system, false);
    None
}

/// Submits a run of a system now; a full one reads everything, and an image then compares with no
/// earlier point. Its job's number, if it was taken.
pub(crate) fn run_system(engine: &Engine, plan: &Plan, system: &System, full: bool) -> Option<u64> {
    let work = protection::work(system, full || is_to_compare(engine, system))?;
    let client = client(plan, system);
    let name = client.map_or("", |client| &client.name);
    match engine.submit(work, name, protection::retry(client)) {
        Ok(number) => {
            note(engine, Of::System(&system.name));
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

/// Whether it is time to read all of a live source and compare it with what it says of itself.
fn is_to_compare(engine: &Engine, system: &System) -> bool {
    if !matches!(system.source, Source::Qmp { .. } | Source::Libvirt { .. }) {
        return false;
    }
    let last = engine.protection.run(Of::Compared(&system.name));
    let past = last.map(|run| run.past(engine.pool.age(), uptime()));
    past.is_none_or(|past| past.age(&now(&TimeZone::UTC)) >= COMPARED)
}

/// The client that a system is of.
pub(crate) fn client<'a>(plan: &'a Plan, system: &System) -> Option<&'a Client> {
    plan.clients.iter().find(|client| client.name == system.client)
}

/// Submits upkeep that is due.
fn begin_upkeep(engine: &Engine, maintenance: &Maintenance) {
    let duty = |task: &Task| u32::from(task.duty).clamp(1, 100);
    let Maintenance { scrub, reclaim, expire, verify, .. } = maintenance;
    let scrubbing = Work::Scrub { duty: duty(scrub), seconds: None, new: false };
    let reading_back = Work::Scrub { duty: duty(scrub), seconds: None, new: true };
    let always = Task { interval: READ_BACK, windows: Vec::new(), duty: scrub.duty };
    let tasks = [
        (task::SCRUB, scrub, vec![scrubbing]),
        (task::READ_BACK, &always, vec![reading_back]),
        (task::EXPIRE, expire, vec![Work::Expire]),
        (task::RECLAIM, reclaim, vec![Work::Reclaim(Default::default())]),
        (task::VERIFY, verify, to_verify(engine, verify.interval)),
    ];
    let zone = zone(&maintenance.zone);
    for (name, task, works) in tasks {
        if is_time(engine, &zone, name, task) {
            begin_task(engine, name, works);
        }
    }
}

fn begin_task(engine: &Engine, name: &str, works: Vec<Work>) {
    // With nothing to do it is done.
    if works.is_empty() {
        note(engine, Of::Upheld(name));
    }
    for work in works {
        if let Err(error) = engine.submit(work, "", Retry::default()) {
            log::error!("{name} is due and was not begun: {error}");
            return;
        }
    }
    note(engine, Of::Upkeep(name));
}

/// The points, oldest first, that come to the age at which they are to have been verified before
/// the next look, and were not.
fn to_verify(engine: &Engine, interval: Span) -> Vec<Work> {
    let Some(access) = engine.access() else { return Vec::new() };
    let (plan, age) = (engine.protection.plan(), engine.pool.age());
    let wanted = plan
        .systems
        .iter()
        .filter_map(|system| Some((ingest::system_id(&access, &system.name), system.verify?)));
    let wanted: Vec<_> = wanted.collect();
    let is_due = |listed: &Listed| {
        let within = wanted.iter().find(|(id, _)| *id == listed.point.system);
        let old = age.saturating_sub(listed.point.age).saturating_add(interval.0);
        listed.removed.is_none()
            && within.is_some_and(|(_, within)| old >= within.0)
            && engine.protection.verified(listed.point.id).is_none()
    };
    let due = engine.pool.catalog.listed().into_iter().filter(is_due).take(VERIFIED_AT_ONCE);
    due.map(|listed| Work::VerifyPoint { point: listed.point.id.to_string() }).collect()
}

/// Whether a task's interval has passed and one of its windows is open. One that never ran is first
/// due when its interval has passed since the engine began to note it.
fn is_time(engine: &Engine, zone: &TimeZone, name: &str, task: &Task) -> bool {
    let Some(run) = engine.protection.run(Of::Upkeep(name)) else {
        note(engine, Of::Upkeep(name));
        note(engine, Of::Upheld(name));
        return false;
    };
    let past = run.past(engine.pool.age(), uptime());
    let windows = Windows { zone: zone.clone(), open: task.windows.clone(), closed: Vec::new() };
    past.age(&now(zone)) >= task.interval && windows.is_open(Timestamp::now())
}

/// All of a system's live source was compared with what it said of itself.
pub(crate) fn note_compared(engine: &Engine, system: &str) {
    note(engine, Of::Compared(system));
}

/// A job came to its end: a task of upkeep counts as done when it ended well.
pub(crate) fn note_upheld(engine: &Engine, work: &Work) {
    let name = match work {
        Work::Scrub { new: false, .. } => task::SCRUB,
        Work::Scrub { new: true, .. } => task::READ_BACK,
        Work::Expire => task::EXPIRE,
        Work::Reclaim(_) => task::RECLAIM,
        Work::Verify { .. } | Work::VerifyPoint { .. } => task::VERIFY,
        _ => return,
    };
    note(engine, Of::Upheld(name));
}

/// Makes the pool's age durable while nothing else does: after a power cut the box does not think
/// that it has not been running.
pub(crate) fn commit_age(engine: &Engine) {
    match engine.pool.commit(Vec::new()) {
        Ok(()) => note(engine, Of::Upheld(task::CATALOG)),
        Err(failure) => {
            log::error!("the pool's age is not kept: {}; {}", failure.what, failure.next)
        }
    }
}

/// Something that begins now.
pub(crate) fn beginning(engine: &Engine) -> Run {
    let (uptime, age) = (uptime(), engine.pool.age());
    Run { age, wall: moment().wall, boot: boot_text(uptime), result: String::new() }
}

pub(crate) fn note(engine: &Engine, of: Of<'_>) {
    let run = beginning(engine);
    if let Err(error) = engine.protection.note(&engine.state, of, run) {
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
