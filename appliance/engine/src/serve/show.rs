//! What is shown of the engine on the bus.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU64;
use std::sync::Arc;

use bus::{
    ApplianceState, ApplianceView, DiskState, DiskView, ExportView, Fact, Facts, IntakeView,
    JobKind, JobState, JobView, Place, PoolState, PoolView,
};
use export::Stats;
use model::{DiskId, PointId};
use serde_json::Value;
use store::{MemberState, MemberStatus};
use zbus::{ObjectPath, OwnedObjectPath};

use super::{catalog, disks};
use crate::alerts::verdict_word;
use crate::clock::moment;
use crate::engine::Engine;
use crate::exports::{Exported, Intake};
use crate::facts as health_facts;
use crate::jobs::{self, Job, Moment, Work};

/// Shows everything as it is now. Jobs are shown by who changes them.
pub(crate) async fn show(engine: &Arc<Engine>) {
    let members = engine.pool.store.members().await;
    disks::look_for_returned(engine, &members).await;
    let outside = health_facts::Outside::ask(engine, &members).await;
    let facts = health_facts::gather(engine, &members, outside);
    if let Err(error) =
        engine.alerts.update(&facts, &engine.protection.plan(), &engine.state, &engine.tree)
    {
        log::error!("{error}");
    }
    engine.tree.put(appliance(engine, &members));
    engine.tree.put(pool(engine, &members));
    show_disks(engine, &members);
    disks::fill(engine, &members);
    show_exports(engine);
    catalog::show(engine).await;
}

/// Shows what locking and unlocking change at once: who asked for it finds it so.
pub(super) async fn show_whether_locked(engine: &Engine) {
    let members = engine.pool.store.members().await;
    engine.tree.put(appliance(engine, &members));
    engine.tree.put(pool(engine, &members));
}

/// Shows all disks, and those that left no more.
fn show_disks(engine: &Engine, members: &[MemberStatus]) {
    let returned = engine.returned.there();
    members.iter().for_each(|member| engine.tree.put(disk(member, &returned)));
    for place in engine.tree.places() {
        let Place::Disk(id) = place else { continue };
        if !members.iter().any(|member| member.disk_id == id) {
            engine.tree.remove(&Place::Disk(id));
        }
    }
    if let Err(error) = engine.disks.note(&engine.state, members, &engine.pool.stale) {
        log::error!("{error}");
    }
}

fn appliance(engine: &Engine, members: &[MemberStatus]) -> ApplianceView {
    let whole = members.iter().all(|member| member.state == MemberState::Complete);
    let state = match engine.access() {
        None => ApplianceState::Locked,
        Some(_) if whole => ApplianceState::Ready,
        Some(_) => ApplianceState::Degraded,
    };
    let (verdict, open_alerts) = engine.alerts.verdict();
    ApplianceView {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        state,
        verdict: verdict_word(&verdict),
        open_alerts,
        started_at: engine.started.wall,
        ready_at: engine.ready_at(),
        engine_restarts: engine.life.restarts_since_boot(),
        time_proven: operations::uptime().proven.is_some(),
        memory_bytes: resident(),
        ..ApplianceView::default()
    }
}

/// Memory of this process that is resident, in bytes; 0 if nobody knows.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

fn pool(engine: &Engine, members: &[MemberStatus]) -> PoolView {
    let pool = &engine.pool;
    let status = pool.store.status();
    let points = pool.catalog.points();
    let full = ::catalog::days_until_full(&points, pool.age(), status.free_bytes);
    let (scrubs, lasts) = (pool.catalog.scrubs(), engine.lasts());
    PoolView {
        id: status.pool_id.to_string(),
        state: pool_state(members),
        full: status.free_bytes < status.segment_bytes,
        kit_proved: pool.keyring.has_proved_kit(),
        capacity_bytes: status.capacity_bytes,
        stored_bytes: status.stored_bytes,
        free_bytes: status.free_bytes,
        retired_bytes: status.retired_bytes,
        reclaimable_bytes: lasts.reclaimable_bytes,
        reclaimable_counted_at: lasts.reclaim,
        days_until_full: full.map_or(-1, |days| days as i32),
        logical_bytes: points.iter().map(|point| point.logical_bytes).sum(),
        points: points.len() as u32,
        segments: status.segments,
        healed_records: status.healed,
        damaged_records: scrubs.last().map_or(0, |scrub| scrub.damaged),
        lost_records: scrubs.last().map_or(0, |scrub| scrub.lost),
        last_scrub_at: scrubs.iter().rfind(|scrub| scrub.next == 0).map_or(0, |scrub| scrub.wall.0),
        last_reclaim_at: lasts.reclaim,
        last_expire_at: lasts.expire,
        last_verify_at: lasts.verify,
    }
}

fn pool_state(members: &[MemberStatus]) -> PoolState {
    let has = |state| members.iter().any(|member| member.state == state);
    if has(MemberState::Missing) || has(MemberState::Failed) {
        PoolState::Degraded
    } else if has(MemberState::Syncing) {
        PoolState::Syncing
    } else {
        PoolState::Complete
    }
}

fn disk(member: &MemberStatus, returned: &HashMap<DiskId, String>) -> DiskView {
    let name = member.name.as_ref().or_else(|| returned.get(&member.disk_id));
    DiskView {
        id: member.disk_id.to_string(),
        number: member.number as u32,
        name: name.cloned().unwrap_or_default(),
        state: match member.state {
            MemberState::Complete => DiskState::Active,
            MemberState::Syncing => DiskState::Syncing,
            MemberState::Failed => DiskState::Failed,
            MemberState::Missing if returned.contains_key(&member.disk_id) => DiskState::Stale,
            MemberState::Missing => DiskState::Missing,
        },
        segments_behind: member.lacking_segments,
        bytes_behind: member.lacking_bytes,
        ..DiskView::default()
    }
}

/// Shows all exports and intakes, and those that ended no more.
pub(crate) fn show_exports(engine: &Engine) {
    let served = engine.exports.stats();
    let place = |exported: &Exported| match exported.intake {
        None => Place::Export(exported.number),
        Some(_) => Place::Intake(exported.number),
    };
    let places: HashSet<Place> = served.iter().map(|(exported, _)| place(exported)).collect();
    for shown in engine.tree.places() {
        let is_served = matches!(shown, Place::Export(_) | Place::Intake(_));
        if is_served && !places.contains(&shown) {
            engine.tree.remove(&shown);
        }
    }
    for (exported, stats) in served {
        let stats = stats.unwrap_or_default();
        match &exported.intake {
            None => engine.tree.put(export(engine, &exported, &stats)),
            Some(intake) => engine.tree.put(intake_view(engine, &exported, intake, &stats)),
        }
    }
}

fn export(engine: &Engine, exported: &Exported, stats: &Stats) -> ExportView {
    ExportView {
        number: exported.number,
        point: point_path(&exported.point),
        volume: exported.volume.to_string(),
        socket: engine.exports.socket(exported).display().to_string(),
        writable: exported.writable,
        since: exported.since,
        connections: u32::try_from(stats.connections_open).unwrap_or(u32::MAX),
        bytes_read: stats.bytes_read,
        bytes_written: stats.bytes_written,
        ..ExportView::default()
    }
}

fn intake_view(engine: &Engine, exported: &Exported, intake: &Intake, stats: &Stats) -> IntakeView {
    let id = engine.access().map(|access| ingest::system_id(&access, &intake.system).to_string());
    IntakeView {
        number: exported.number,
        system: id.map_or_else(nothing, |id| Place::System(id).path()),
        volume: intake.volume.clone(),
        bytes: intake.bytes,
        base: point_path(&exported.point),
        explicit: intake.explicit,
        socket: engine.exports.socket(exported).display().to_string(),
        since: exported.since,
        finished: intake.finished,
        connections: u32::try_from(stats.connections_open).unwrap_or(u32::MAX),
        bytes_written: stats.bytes_written,
    }
}

/// The path of a recovery point; that of nothing if it is none.
fn point_path(id: &str) -> OwnedObjectPath {
    let point: Option<PointId> = id.parse().ok();
    point.map_or_else(nothing, |point| Place::Point(point).path())
}

/// The path that stands for no object.
pub(super) fn nothing() -> OwnedObjectPath {
    ObjectPath::from_static_str_unchecked("/").into()
}

/// One job; `system` is what the bus knows its protected system by.
pub(crate) fn job_view(job: &Job, system: Option<String>) -> JobView {
    let now = moment();
    let point = job.result.get("point").and_then(Value::as_str).unwrap_or_default();
    let (rate, left) = pace(job, now);
    JobView {
        number: job.number,
        kind: kind(&job.work),
        state: state(job.state),
        subject: job.work.subject().to_owned(),
        system: system.map_or_else(nothing, |id| Place::System(id).path()),
        point: point_path(point),
        client: job.client.clone(),
        priority: job.class() as u32,
        attempt: job.attempt,
        queued_at: job.queued.wall,
        started_at: job.started.wall,
        ended_at: job.ended.wall,
        bytes_done: job.bytes_done,
        bytes_total: job.bytes_total,
        bytes_per_second: rate,
        bytes_per_second_limit: job.work.rate().map_or(0, NonZeroU64::get),
        seconds_left: left,
        stalled_for: match job.state {
            jobs::JobState::Running => now.running.saturating_sub(job.moved),
            _ => 0,
        },
        deadline: job.started.wall.saturating_add(job.deadline),
        cause: job.cause.clone(),
        next_step: job.next.clone(),
        result: facts(&job.result),
        outcome: match &job.result {
            Value::Null => String::new(),
            value => value.to_string(),
        },
        report: job.report.clone(),
    }
}

/// Bytes in a second on average, and the seconds left at that rate; zeroes if nobody knows.
fn pace(job: &Job, now: Moment) -> (u64, u64) {
    let end = if job.state.is_over() { job.ended } else { now };
    let seconds = end.running.saturating_sub(job.started.running);
    let rate = job.bytes_done.checked_div(seconds).unwrap_or(0);
    let left = job.bytes_total.saturating_sub(job.bytes_done).checked_div(rate).unwrap_or(0);
    (rate, if job.state.is_over() { 0 } else { left })
}

fn kind(work: &Work) -> JobKind {
    match work {
        Work::Ingest { .. }
        | Work::Pull { .. }
        | Work::PullDomain { .. }
        | Work::Receive { .. }
        | Work::Stream { .. } => JobKind::Ingest,
        Work::Restore { .. } | Work::Give { .. } => JobKind::Restore,
        Work::Verify { .. } | Work::VerifyPoint { .. } => JobKind::Verify,
        Work::Scrub { .. } => JobKind::Scrub,
        Work::Reclaim(_) => JobKind::Reclaim,
        Work::Expire => JobKind::Expire,
        Work::Resync { .. } | Work::Relieve { .. } => JobKind::Resync,
    }
}

fn state(state: jobs::JobState) -> JobState {
    match state {
        jobs::JobState::Queued => JobState::Queued,
        jobs::JobState::Running => JobState::Running,
        jobs::JobState::Waiting { .. } => JobState::Waiting,
        jobs::JobState::Done => JobState::Done,
        jobs::JobState::Warned => JobState::Warned,
        jobs::JobState::Failed => JobState::Failed,
        jobs::JobState::Cancelled => JobState::Cancelled,
        jobs::JobState::Interrupted => JobState::Interrupted,
    }
}

/// The outcome of a job by name: flags, numbers and texts as they are, anything else as JSON.
fn facts(result: &Value) -> Facts {
    let Value::Object(fields) = result else { return Facts::new() };
    let fact = |value: &Value| match value {
        Value::Null => None,
        Value::Bool(flag) => Some(Fact::Flag(*flag)),
        Value::Number(number) => {
            Some(number.as_u64().map_or_else(|| Fact::Text(number.to_string()), Fact::Number))
        }
        Value::String(text) => Some(Fact::Text(text.clone())),
        value => Some(Fact::Text(value.to_string())),
    };
    fields.iter().filter_map(|(name, value)| Some((name.clone(), fact(value)?))).collect()
}
