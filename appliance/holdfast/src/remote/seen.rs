//! Everything that an engine shows, by kind, and what somebody means by what was typed.

use bus::{
    AlertView, ApplianceView, DiskView, ExportView, IntakeView, JobView, Object, Place, PointView,
    PoolView, SystemView, nearest,
};
use model::PointId;
use operations::{Failure, choose_volume, point_matches};

/// All objects of an engine. Points stand in the order that they were made in.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) appliance: ApplianceView,
    pub(crate) pool: PoolView,
    pub(crate) disks: Vec<DiskView>,
    pub(crate) systems: Vec<SystemView>,
    pub(crate) points: Vec<PointView>,
    pub(crate) jobs: Vec<JobView>,
    pub(crate) exports: Vec<ExportView>,
    pub(crate) intakes: Vec<IntakeView>,
    pub(crate) alerts: Vec<AlertView>,
}

impl Seen {
    pub(crate) fn of(objects: Vec<Object>) -> Self {
        let mut seen = Self::default();
        for object in objects {
            match object {
                Object::Appliance(view) => seen.appliance = view,
                Object::Pool(view) => seen.pool = view,
                Object::Disk(view) => seen.disks.push(view),
                Object::System(view) => seen.systems.push(view),
                Object::Point(view) => seen.points.push(view),
                Object::Job(view) => seen.jobs.push(view),
                Object::Export(view) => seen.exports.push(view),
                Object::Alert(view) => seen.alerts.push(view),
                Object::Intake(view) => seen.intakes.push(view),
            }
        }
        seen.points.sort_by_key(|point| point.sequence);
        seen.disks.sort_by_key(|disk| disk.number);
        seen
    }

    /// The recovery point that was typed, as the pool itself finds it: `latest` is one that is not
    /// removed, if there is one.
    pub(crate) fn point(&self, typed: &str) -> Result<(PointId, &PointView), Failure> {
        let list = "see `holdfast points`";
        let named = |point: &'_ PointView| point.id.parse::<PointId>().ok();
        let found = self.points.iter().filter_map(|point| Some((named(point)?, point)));
        let unknown = || Failure::new(format!("no recovery point {typed}"), list);
        if typed == "latest" {
            // Of equals the last is taken.
            return found.max_by_key(|(_, point)| !point.removed).ok_or_else(unknown);
        }
        let mut matching = found.filter(|(id, _)| point_matches(id, typed));
        let first = matching.next().ok_or_else(unknown)?;
        match matching.next() {
            Some(_) => Err(Failure::new(format!("several recovery points {typed}…"), list)),
            None => Ok(first),
        }
    }

    /// The protected system with this name, as the engine knows it.
    pub(crate) fn system(&self, name: &str) -> Result<&SystemView, Failure> {
        let found = self.systems.iter().find(|system| system.name == name);
        found.ok_or_else(|| {
            let what = format!("there is no protected system {name}");
            match nearest(name, self.systems.iter().map(|system| system.name.as_str())) {
                Some(near) => Failure::new(what, format!("`{near}` may be meant")),
                None => Failure::new(what, "see `holdfast systems list`, or add it to the plan"),
            }
        })
    }

    /// What the system of a recovery point is called; `None` if nobody knows.
    pub(crate) fn system_of(&self, point: &PointView) -> Option<&str> {
        let Some(Place::System(id)) = Place::parse(point.system.as_str()) else { return None };
        let system = self.systems.iter().find(|system| system.id == id)?;
        Some(system.name.as_str()).filter(|name| !name.is_empty())
    }
}

/// The name of a volume as the bus wants it, and its bytes: of the one with this name or number, or
/// of the only one. Both are empty of the only one while the pool is locked.
pub(crate) fn volume(point: &PointView, typed: Option<&str>) -> Result<(String, u64), Failure> {
    if point.volumes.is_empty() && typed.is_none() {
        return Ok((String::new(), 0));
    }
    let names: Vec<&str> = point.volumes.iter().map(|(_, name, _)| name.as_str()).collect();
    let found = point.volumes.get(choose_volume(&names, typed)?);
    Ok(found.map(|(_, name, bytes)| (name.clone(), *bytes)).unwrap_or_default())
}
