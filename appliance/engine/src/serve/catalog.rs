//! Recovery points and protected systems on the bus.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use ::catalog::{Listed, RemovedBy};
use bus::{PastScrub, Place, PointView, RpoState, SystemView};
use format::event::{SIGNAL_CHANGE, SIGNAL_DENSE};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use model::{PointId, Span};
use plan::{Past, System};
use record::Description;
use restore::RestorePoint;
use zbus::OwnedObjectPath;

use super::show::nothing;
use crate::engine::{Engine, lock};
use crate::protection::Of;
use crate::schedule;

/// Names of signals.
const SIGNALS: [(u8, &str); 2] = [(SIGNAL_CHANGE, "change"), (SIGNAL_DENSE, "dense")];

/// Recovery points whose records are read before what is known is shown.
const LEARNED_AT_ONCE: usize = 64;

/// How long a job that is over may wait until what it made is shown.
const SHOWN_WITHIN: Duration = Duration::from_secs(2);

/// What the records of points say, read once. Without keys nothing is known.
pub(crate) type Known = std::collections::HashMap<PointId, Option<Description>>;

/// All scrubs, oldest first.
pub(super) fn scrubs(engine: &Engine) -> Vec<PastScrub> {
    let rows = engine.pool.catalog.scrubs().into_iter();
    let past = rows.map(|row| PastScrub {
        number: row.number,
        next: row.next,
        verified_below: row.verified_below,
        begun_age: row.begun,
        age: row.age,
        at: row.wall.0,
        bytes_read: row.bytes_read,
        healed: row.healed,
        damaged: row.damaged,
        lost: row.lost,
    });
    past.collect()
}

/// Shows all recovery points and the systems that they are of, and what is gone no more.
pub(super) async fn show(engine: &Engine) {
    let _alone = engine.showing.lock().await;
    let listed = engine.pool.catalog.listed();
    learn(engine, &listed).await;
    let known = lock(&engine.known);
    let age = engine.pool.age();
    let mut systems = in_plan(engine);
    for one in &listed {
        let description = known.get(&one.point.id).and_then(Option::as_ref);
        let mut view = point(one, description, age);
        view.verified_at = engine.protection.verified(one.point.id).unwrap_or(0);
        tell_system(&mut systems, one, description, &view);
        engine.tree.put(view);
    }
    let points: HashSet<PointId> = listed.iter().map(|one| one.point.id).collect();
    for place in engine.tree.places() {
        let gone = match &place {
            Place::Point(id) => !points.contains(id),
            Place::System(id) => !systems.contains_key(id),
            _ => false,
        };
        if gone {
            engine.tree.remove(&place);
        }
    }
    systems.into_values().for_each(|view| engine.tree.put(planned(engine, view)));
}

/// The systems of the plan, also those without a recovery point. Without keys no name has an id.
fn in_plan(engine: &Engine) -> BTreeMap<String, SystemView> {
    let Some(access) = engine.access() else { return BTreeMap::new() };
    let plan = engine.protection.plan();
    let views = plan.systems.iter().map(|system| {
        let id = ingest::system_id(&access, &system.name).to_string();
        let mut view = empty(id.clone(), access.tenant().to_string());
        view.name.clone_from(&system.name);
        (id, view)
    });
    views.collect()
}

/// What the plan says of a system, if it says anything.
fn planned(engine: &Engine, mut view: SystemView) -> SystemView {
    let plan = engine.protection.plan();
    let Some(system) = plan.systems.iter().find(|system| system.name == view.name) else {
        return view;
    };
    view.kind = system.source.kind().to_owned();
    view.client.clone_from(&system.client);
    (view.rpo_seconds, view.rto_seconds) = (system.rpo.0, system.rto.0);
    let due = schedule::due(engine, &plan, system);
    view.next_run_at = due.map_or(0, |due| u64::try_from(due.start.as_second()).unwrap_or(0));
    view.last_result =
        engine.protection.run(Of::System(&system.name)).map(|run| run.result).unwrap_or_default();
    let reason = engine.protection.paused(&system.name);
    view.paused = reason.is_some();
    view.pause_reason = reason.unwrap_or_default();
    view.rpo_state = rpo(engine, system, &view);
    view
}

/// How a system stands to its RPO: a warning in its last fifth.
fn rpo(engine: &Engine, system: &System, view: &SystemView) -> RpoState {
    let points = engine.pool.catalog.points();
    let newest = points.iter().rfind(|point| point.system.to_string() == view.id);
    let newest = newest.map(|point| Past {
        wall: Timestamp::from_second(point.created.0.cast_signed()).unwrap_or_default(),
        running: Span(engine.pool.age().saturating_sub(point.age)),
        // Nobody knows whether the box was off since.
        exact: false,
    });
    match plan::rpo_state(system, newest.as_ref(), &schedule::now(&TimeZone::UTC)) {
        plan::RpoState::NoPoint => RpoState::Unknown,
        plan::RpoState::Breached { .. } => RpoState::Breached,
        plan::RpoState::Met { left } if left.0 < system.rpo.0 / 5 => RpoState::Warning,
        plan::RpoState::Met { .. } => RpoState::Met,
    }
}

fn empty(id: String, tenant: String) -> SystemView {
    SystemView {
        id,
        tenant,
        rpo_state: RpoState::Unknown,
        last_point: nothing(),
        last_proved_point: nothing(),
        ..SystemView::default()
    }
}

/// Shows what a job has made of the catalog before anybody is told that the job is over: who then
/// looks finds it. Disks that hang hold up no job: it is shown later.
pub(crate) async fn show_soon(engine: &Engine) {
    let _ = tokio::time::timeout(SHOWN_WITHIN, show(engine)).await;
}

/// Reads the records of some points that were not read yet, and forgets those that are gone. The
/// newest first: those somebody looks for.
async fn learn(engine: &Engine, listed: &[Listed]) {
    let Some(access) = engine.access() else { return };
    let fresh: Vec<_> = {
        let mut known = lock(&engine.known);
        let points: HashSet<PointId> = listed.iter().map(|one| one.point.id).collect();
        known.retain(|id, _| points.contains(id));
        listed
            .iter()
            .rev()
            .filter(|one| !known.contains_key(&one.point.id))
            .map(|one| one.point)
            .collect()
    };
    if fresh.len() > LEARNED_AT_ONCE {
        engine.refresh.notify_one();
    }
    for point in fresh.into_iter().take(LEARNED_AT_ONCE) {
        // A record that cannot be read is damage, which verify tells.
        let opened = RestorePoint::open(&access, point).await.ok();
        lock(&engine.known).insert(point.id, opened.map(|opened| opened.description));
    }
}

fn point(listed: &Listed, description: Option<&Description>, age: u64) -> PointView {
    let point = &listed.point;
    let volumes = description.map(|described| described.volumes.as_slice()).unwrap_or_default();
    let volume = |(number, volume): (u32, &record::VolumeDescription)| {
        (number, volume.name.clone(), volume.bytes)
    };
    let consistency = description.map(|described| described.consistency);
    let signals = SIGNALS.iter().filter(|(bit, _)| point.signals & bit != 0);
    PointView {
        id: point.id.to_string(),
        system: system_path(listed),
        tenant: point.tenant.to_string(),
        created_at: point.created.0,
        sequence: point.sequence.0,
        volumes: (0..).zip(volumes).map(volume).collect(),
        content: point.content.as_str().to_owned(),
        logical_bytes: point.logical_bytes,
        added_bytes: point.added_bytes,
        consistency: consistency.unwrap_or_default().as_str().to_owned(),
        signals: signals.map(|(_, name)| (*name).to_owned()).collect(),
        cleared: listed.cleared,
        held: listed.held,
        removed: listed.removed.is_some(),
        removed_by: listed
            .removed
            .map_or(String::new(), |removal| removed_by(removal.by).to_owned()),
        goes_in_seconds: listed.removed.map_or(0, |removal| removal.due.saturating_sub(age)),
        ..PointView::default()
    }
}

fn removed_by(by: RemovedBy) -> &'static str {
    match by {
        RemovedBy::Hand => "hand",
        RemovedBy::Policy => "policy",
    }
}

fn system_path(listed: &Listed) -> OwnedObjectPath {
    Place::System(listed.point.system.to_string()).path()
}

/// Counts a point, which is newer than those counted before, for its system.
fn tell_system(
    systems: &mut BTreeMap<String, SystemView>,
    listed: &Listed,
    description: Option<&Description>,
    view: &PointView,
) {
    let point = &listed.point;
    let id = point.system.to_string();
    let system = systems.entry(id.clone()).or_insert_with(|| empty(id, point.tenant.to_string()));
    if let Some(description) = description {
        system.name.clone_from(&description.system);
    }
    system.points += 1;
    system.last_point = Place::Point(point.id).path();
    system.last_point_at = view.created_at;
    system.logical_bytes = view.logical_bytes;
}
