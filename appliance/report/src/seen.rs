//! What one report may see: the facts of its client, sorted out before anything is counted.
//!
//! All makers get a [`Seen`] and nothing else, so that a figure of another client cannot slip into
//! a sum. What two facts say different clients of belongs to none.

use std::collections::{BTreeMap, BTreeSet};

use bus::{DiskView, JobKind, JobView, Place, PointView, PoolView, SystemView};

use crate::facts::{AlertRecord, Contract, Facts, Usage, Work};
use crate::made::{Made, outcomes, point_id};
use crate::{Notice, Period, RestoreRequest};

/// The facts of one client, or of the whole appliance.
pub(crate) struct Seen<'a> {
    pub(crate) now: u64,
    pub(crate) period: Period,
    /// By name.
    pub(crate) systems: Vec<System<'a>>,
    pub(crate) jobs: Vec<&'a JobView>,
    pub(crate) alerts: Vec<&'a AlertRecord>,
    pub(crate) requests: Vec<&'a RestoreRequest>,
    /// Each notice with one client that it concerns.
    pub(crate) notices: Vec<(&'a str, &'a Notice)>,
    pub(crate) contracts: Vec<&'a Contract>,
    pub(crate) usage: Vec<&'a Usage>,
    pub(crate) work: Vec<&'a Work>,
    /// Both only where the whole appliance is seen.
    pub(crate) pool: Option<&'a PoolView>,
    pub(crate) disks: &'a [DiskView],
    /// What ingest jobs said of the recovery points that they made, by id.
    pub(crate) made: BTreeMap<&'a str, Made>,
    /// Places in `systems` by object path.
    by_path: BTreeMap<String, usize>,
}

/// A protected system: of the plan, of the bus, or of both.
pub(crate) struct System<'a> {
    /// Its id where nobody knows a name.
    pub(crate) name: String,
    /// Empty if it has none.
    pub(crate) client: &'a str,
    pub(crate) planned: Option<&'a plan::System>,
    pub(crate) view: Option<&'a SystemView>,
    /// The newest first, by their order and not by the clock.
    pub(crate) points: Vec<&'a PointView>,
    /// Object path; empty if the bus does not have it.
    path: String,
}

impl<'a> Seen<'a> {
    /// What a report about this client sees, or about the whole appliance.
    pub(crate) fn of(facts: &'a Facts, client: Option<&str>, period: Period) -> Self {
        let is_seen = |owner: &str| client.is_none_or(|client| client == owner);
        let all = systems(facts);
        let paths: BTreeMap<&str, &str> =
            all.iter().map(|system| (system.path.as_str(), system.client)).collect();
        let names: BTreeMap<&str, &str> =
            all.iter().map(|system| (system.name.as_str(), system.client)).collect();
        let jobs = facts.jobs.iter().filter(|job| {
            is_seen(agreed(paths.get(job.system.as_str()).copied(), job.client.as_str()))
        });
        let jobs: Vec<&JobView> = jobs.collect();
        let requests = facts.requests.iter().filter(|request| {
            is_seen(agreed(names.get(request.system.as_str()).copied(), &request.client))
        });
        let concerned = |notice: &'a Notice| {
            let clients: BTreeSet<&str> = notice.clients.iter().map(String::as_str).collect();
            clients.into_iter().filter(|client| is_seen(client)).map(move |client| (client, notice))
        };
        let requests: Vec<&RestoreRequest> = requests.collect();
        let systems: Vec<System<'a>> =
            all.into_iter().filter(|system| is_seen(system.client)).collect();
        let places = (0..).zip(&systems).map(|(place, system)| (system.path.clone(), place));
        Self {
            now: facts.now,
            period,
            by_path: places.filter(|(path, _)| !path.is_empty()).collect(),
            systems,
            made: outcomes(&jobs),
            jobs,
            alerts: kept(&facts.alerts, |record| is_seen(&record.alert.client)),
            requests,
            notices: facts.notices.iter().flat_map(concerned).collect(),
            contracts: kept(&facts.contracts, |contract| is_seen(&contract.client)),
            usage: kept(&facts.usage, |usage| is_seen(&usage.client)),
            work: kept(&facts.work, |work| is_seen(&work.client)),
            pool: facts.pool.as_ref().filter(|_| client.is_none()),
            disks: if client.is_none() { &facts.disks } else { &[] },
        }
    }

    /// The system of a job.
    pub(crate) fn system_of(&self, job: &JobView) -> Option<&System<'a>> {
        self.systems.get(*self.by_path.get(job.system.as_str())?)
    }

    /// Jobs about a system.
    pub(crate) fn jobs_of(&self, system: &System<'_>) -> impl Iterator<Item = &'a JobView> {
        let path = system.path.clone();
        self.jobs.iter().copied().filter(move |job| !path.is_empty() && job.system.as_str() == path)
    }

    /// Its recovery points that were made in the period: those that are there, and those that a
    /// job made which have gone since.
    pub(crate) fn made_in_period(&self, system: &System<'_>) -> usize {
        let there = system.points.iter().filter(|point| self.period.holds(point.created_at));
        let jobs = self.jobs_of(system).filter(|job| self.is_backup(job));
        let made = jobs.filter_map(point_id);
        there.map(|point| point.id.as_str()).chain(made).collect::<BTreeSet<&str>>().len()
    }

    /// Whether a job is an ingest that came to its end in the period.
    pub(crate) fn is_backup(&self, job: &JobView) -> bool {
        job.kind == JobKind::Ingest && job.state.is_ended() && self.period.holds(job.ended_at)
    }
}

impl<'a> System<'a> {
    /// Recovery points that are there and do not lie in the future, which a clock that jumped can
    /// have put them in.
    pub(crate) fn past(&self, now: u64) -> impl Iterator<Item = &'a PointView> {
        self.points.iter().copied().filter(move |point| point.created_at <= now)
    }

    pub(crate) fn newest(&self) -> Option<&'a PointView> {
        self.points.first().copied()
    }

    /// The bytes of its volumes in the newest recovery point.
    pub(crate) fn logical(&self) -> u64 {
        self.newest().map_or(0, |point| point.logical_bytes)
    }

    /// What its recovery points that are there added to the store.
    pub(crate) fn stored(&self) -> u64 {
        self.points.iter().map(|point| point.added_bytes).fold(0, u64::saturating_add)
    }
}

/// Whose something is by its system and by what it says itself; nobody's if these differ. None
/// stands for a system that is not known.
fn agreed<'a>(by_system: Option<&'a str>, says: &'a str) -> &'a str {
    match by_system {
        None => says,
        Some(owner) if says.is_empty() || says == owner => owner,
        Some(_) => "",
    }
}

fn kept<T>(all: &[T], keep: impl Fn(&T) -> bool) -> Vec<&T> {
    all.iter().filter(|one| keep(one)).collect()
}

/// All systems of the plan and of the bus, by name, with their recovery points.
fn systems(facts: &Facts) -> Vec<System<'_>> {
    let planned: BTreeMap<&str, &plan::System> =
        facts.plan.systems.iter().map(|system| (system.name.as_str(), system)).collect();
    let mut systems: Vec<System<'_>> =
        facts.systems.iter().map(|view| shown(view, &planned)).collect();
    let named: BTreeSet<String> = systems.iter().map(|system| system.name.clone()).collect();
    let rest = planned.values().filter(|system| !named.contains(&system.name));
    systems.extend(rest.map(|planned| System {
        name: planned.name.clone(),
        client: &planned.client,
        planned: Some(planned),
        view: None,
        points: Vec::new(),
        path: String::new(),
    }));
    give_points(facts, &mut systems);
    systems.sort_by(|one, other| (&one.name, &one.path).cmp(&(&other.name, &other.path)));
    systems
}

fn shown<'a>(view: &'a SystemView, planned: &BTreeMap<&str, &'a plan::System>) -> System<'a> {
    let planned = planned.get(view.name.as_str()).copied();
    System {
        name: if view.name.is_empty() { view.id.clone() } else { view.name.clone() },
        client: agreed(planned.map(|planned| planned.client.as_str()), &view.client),
        planned,
        view: Some(view),
        points: Vec::new(),
        path: Place::System(view.id.clone()).path().as_str().to_owned(),
    }
}

/// Each recovery point to its system; one that the bus does not show is made of its path.
fn give_points<'a>(facts: &'a Facts, systems: &mut Vec<System<'a>>) {
    let places = (0..).zip(systems.iter()).map(|(place, system)| (system.path.clone(), place));
    let mut places: BTreeMap<String, usize> = places.collect();
    for point in &facts.points {
        let path = point.system.as_str();
        let place = *places.entry(path.to_owned()).or_insert_with(|| {
            systems.push(unknown(path));
            systems.len() - 1
        });
        if let Some(system) = systems.get_mut(place) {
            system.points.push(point);
        }
    }
    for system in systems {
        system.points.sort_by_key(|point| std::cmp::Reverse(point.sequence));
    }
}

/// A system of which only a recovery point tells.
fn unknown<'a>(path: &str) -> System<'a> {
    let name = match Place::parse(path) {
        Some(Place::System(id)) => id,
        _ => "not known".into(),
    };
    System {
        name,
        client: "",
        planned: None,
        view: None,
        points: Vec::new(),
        path: path.to_owned(),
    }
}
