//! What the engine has shown.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use bus::{
    AlertView, ApplianceView, DiskView, ExportView, IntakeView, JobKind, JobView, Object, Place,
    PointView, PoolView, SystemView, Update,
};

/// Most objects that are kept: more than an engine shows.
const MOST: usize = 1 << 16;

/// Everything that is known of the appliance, as it was told last.
#[derive(Debug, Default)]
pub(crate) struct Known {
    objects: BTreeMap<Place, Arc<Object>>,
    /// The engine has ended since: what it shows next takes the place of all this.
    stale: bool,
}

macro_rules! each {
    ($($name:ident: $kind:ident($view:ident),)+) => {
        $(pub(crate) fn $name(&self) -> impl Iterator<Item = &$view> {
            self.objects.values().filter_map(|object| match &**object {
                Object::$kind(view) => Some(view),
                _ => None,
            })
        })+
    };
}

impl Known {
    pub(crate) fn take(&mut self, update: Update) {
        match update {
            Update::Shown(object) => {
                if std::mem::take(&mut self.stale) {
                    self.objects.clear();
                }
                if let Some(place) = object.place()
                    && (self.objects.len() < MOST || self.objects.contains_key(&place))
                {
                    self.objects.insert(place, object);
                }
            }
            Update::Gone(place) => drop(self.objects.remove(&place)),
            Update::Lost => self.stale = true,
            // The views tell the same.
            Update::Edge(_) => {}
        }
    }

    each! {
        disks_by_id: Disk(DiskView),
        systems: System(SystemView),
        points: Point(PointView),
        jobs: Job(JobView),
        exports: Export(ExportView),
        intakes: Intake(IntakeView),
        alerts_by_number: Alert(AlertView),
    }

    /// What is shown there.
    pub(crate) fn at(&self, place: &Place) -> Option<&Object> {
        self.objects.get(place).map(|object| &**object)
    }

    pub(crate) fn appliance(&self) -> Option<&ApplianceView> {
        match self.at(&Place::Appliance)? {
            Object::Appliance(view) => Some(view),
            _ => None,
        }
    }

    pub(crate) fn pool(&self) -> Option<&PoolView> {
        match self.at(&Place::Pool)? {
            Object::Pool(view) => Some(view),
            _ => None,
        }
    }

    pub(crate) fn disks(&self) -> Vec<&DiskView> {
        let mut disks: Vec<_> = self.disks_by_id().collect();
        disks.sort_by_key(|disk| disk.number);
        disks
    }

    /// The worst first; of equals those that nobody has taken on.
    pub(crate) fn alerts(&self) -> Vec<&AlertView> {
        let mut alerts: Vec<_> = self.alerts_by_number().collect();
        let taken = |alert: &AlertView| !alert.acknowledged_by.is_empty();
        alerts.sort_by_key(|alert| (Reverse(alert.severity), taken(alert), alert.number));
        alerts
    }

    /// Those that are not over first, then the newest.
    pub(crate) fn jobs_in_order(&self) -> Vec<&JobView> {
        let mut jobs: Vec<_> = self.jobs().collect();
        jobs.sort_by_key(|job| (job.state.is_ended(), Reverse(job.number)));
        jobs
    }

    /// Recovery points of a protected system, the newest first.
    pub(crate) fn points_of(&self, system: &str) -> Vec<&PointView> {
        let path = Place::System(system.to_owned()).path();
        let mut points: Vec<_> = self.points().filter(|point| point.system == path).collect();
        points.sort_by_key(|point| Reverse(point.sequence));
        points
    }

    /// Ids and names of protected systems by name, also of those that only recovery points are
    /// left of.
    pub(crate) fn system_names(&self) -> Vec<(String, String)> {
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        for point in self.points() {
            if let Some(Place::System(id)) = Place::parse(point.system.as_str()) {
                names.entry(id.clone()).or_insert(id);
            }
        }
        names.extend(self.systems().map(|one| (one.id.clone(), one.name.clone())));
        let mut names: Vec<_> = names.into_iter().collect();
        names.sort_by(|left, right| left.1.cmp(&right.1));
        names
    }

    pub(crate) fn system_name(&self, path: &str) -> String {
        let Some(Place::System(id)) = Place::parse(path) else { return "an unknown system".into() };
        let known = self.systems().find(|system| system.id == id);
        known.map_or(id, |system| system.name.clone())
    }

    /// What a restart would cut off, for people.
    pub(crate) fn busy(&self) -> Vec<String> {
        let wanted = |job: &&JobView| {
            !job.state.is_ended() && matches!(job.kind, JobKind::Restore | JobKind::Receive)
        };
        let jobs = self.jobs().filter(wanted);
        let mut busy: Vec<String> = jobs
            .map(|job| format!("job {}: {} of {}", job.number, job.kind, job.subject))
            .collect();
        let exports = self.exports().filter(|export| export.connections > 0);
        busy.extend(exports.map(|export| {
            format!(
                "export {}: {} clients use {}",
                export.number, export.connections, export.volume
            )
        }));
        let intakes = self.intakes().filter(|intake| intake.connections > 0);
        busy.extend(intakes.map(|intake| {
            let system = self.system_name(intake.system.as_str());
            format!("receive {}: {} of {system} is being written", intake.number, intake.volume)
        }));
        busy
    }
}
