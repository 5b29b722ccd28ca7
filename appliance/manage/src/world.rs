//! What the engine shows, as it is now, and whatever changes for those who listen.
//!
//! One task watches the bus for all: answers come from memory, however busy the engine's disks are,
//! and a listener who is too slow is told to look at everything again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use bus::{
    AlertView, ApplianceState, Edge, JobView, Object, Place, PointView, SystemView, Update, Watch,
};
use tokio::sync::{broadcast, watch};

/// News that wait for a listener. One that lags further looks at everything again.
const WAITING: usize = 1024;

/// Something that changed.
#[derive(Debug, Clone)]
pub(crate) enum News {
    Shown(Arc<Object>),
    /// It is gone; as it was last.
    Gone(Arc<Object>),
    Edge(Edge),
    /// The engine ended; nothing is known until it is back.
    Lost,
}

/// All objects, in the order of their places.
pub(crate) type Objects = BTreeMap<Place, Arc<Object>>;

/// Everything that is known.
#[derive(Debug)]
pub(crate) struct World {
    objects: RwLock<Objects>,
    /// Whether that is all, and not a part of what is just being listed.
    whole: AtomicBool,
    news: broadcast::Sender<News>,
    alerts: watch::Sender<Option<Alerts>>,
}

/// All alerts at a moment.
pub(crate) type Alerts = Vec<AlertView>;

impl World {
    pub(crate) fn new() -> Self {
        let (news, alerts) = (broadcast::Sender::new(WAITING), watch::Sender::new(None));
        Self { objects: RwLock::default(), whole: AtomicBool::new(false), news, alerts }
    }

    /// Takes over what `watch` tells until the connection to the bus ends.
    pub(crate) async fn keep(&self, mut watch: Watch) {
        while let Some(update) = watch.next().await {
            self.keep_alerts(&update, &watch);
            let news = {
                let mut objects = self.objects.write().unwrap_or_else(PoisonError::into_inner);
                let news = take(&mut objects, update);
                self.whole.store(objects.len() == watch.count(), Ordering::Release);
                news
            };
            // Nobody may listen.
            let _ = news.map(|news| self.news.send(news));
        }
    }

    /// What is shown one by one may be there in part. So alerts are taken as the engine listed
    /// them: as all that there are, and never while it is away.
    fn keep_alerts(&self, update: &Update, watch: &Watch) {
        let concerned = match update {
            Update::Shown(object) => matches!(**object, Object::Alert(_) | Object::Appliance(_)),
            Update::Gone(place) => matches!(place, Place::Alert(_)),
            Update::Edge(_) | Update::Lost => false,
        };
        if !concerned {
            return;
        }
        let objects = watch.objects();
        let is_there = objects.iter().any(|object| matches!(**object, Object::Appliance(_)));
        let alerts = objects.iter().filter_map(|object| match &**object {
            Object::Alert(alert) => Some(alert.clone()),
            _ => None,
        });
        let now = is_there.then(|| alerts.collect());
        self.alerts.send_if_modified(|alerts| {
            let changed = now.is_some() && *alerts != now;
            if changed {
                *alerts = now;
            }
            changed
        });
    }

    /// All alerts that there are, whenever one has changed. None as long as none is known.
    pub(crate) fn alerts(&self) -> watch::Receiver<Option<Alerts>> {
        self.alerts.subscribe()
    }

    /// As it is now. To be let go of soon.
    pub(crate) fn objects(&self) -> RwLockReadGuard<'_, Objects> {
        self.objects.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whatever changes from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<News> {
        self.news.subscribe()
    }

    /// Whether everything is known that the engine has to show, by their names: what is made of it
    /// then leaves nothing out.
    pub(crate) fn is_whole(&self) -> bool {
        let is_open = |object: &Arc<Object>| match &**object {
            Object::Appliance(appliance) => {
                !matches!(appliance.state, ApplianceState::Starting | ApplianceState::Locked)
            }
            _ => false,
        };
        let open = self.objects().get(&Place::Appliance).is_some_and(is_open);
        open && self.whole.load(Ordering::Acquire)
    }

    /// Whether the engine shows itself.
    pub(crate) fn has_engine(&self) -> bool {
        self.objects().contains_key(&Place::Appliance)
    }
}

fn take(objects: &mut Objects, update: Update) -> Option<News> {
    Some(match update {
        Update::Shown(object) => {
            objects.insert(object.place()?, object.clone());
            News::Shown(object)
        }
        Update::Gone(place) => News::Gone(objects.remove(&place)?),
        Update::Edge(edge) => News::Edge(edge),
        Update::Lost => {
            objects.clear();
            News::Lost
        }
    })
}

/// The client whom an object concerns; `None` if it is the appliance's own.
pub(crate) fn client_of(objects: &Objects, object: &Object) -> Option<String> {
    let client = match object {
        Object::System(system) => system.client.clone(),
        Object::Alert(alert) => alert.client.clone(),
        Object::Point(point) => of_system(objects, point.system.as_str())?.client.clone(),
        Object::Job(job) => of_job(objects, job)?,
        Object::Export(export) => of_point(objects, export.point.as_str())?,
        Object::Intake(intake) => of_system(objects, intake.system.as_str())?.client.clone(),
        Object::Appliance(_) | Object::Pool(_) | Object::Disk(_) => return None,
    };
    Some(client).filter(|client| !client.is_empty())
}

fn of_job(objects: &Objects, job: &JobView) -> Option<String> {
    if !job.client.is_empty() {
        return Some(job.client.clone());
    }
    let of_system = of_system(objects, job.system.as_str()).map(|system| system.client.clone());
    of_system.or_else(|| of_point(objects, job.point.as_str()))
}

fn of_point(objects: &Objects, path: &str) -> Option<String> {
    let point = point_at(objects, path)?;
    of_system(objects, point.system.as_str()).map(|system| system.client.clone())
}

fn point_at<'a>(objects: &'a Objects, path: &str) -> Option<&'a PointView> {
    match &**objects.get(&Place::parse(path)?)? {
        Object::Point(point) => Some(point),
        _ => None,
    }
}

/// The system that a path names.
pub(crate) fn of_system<'a>(objects: &'a Objects, path: &str) -> Option<&'a SystemView> {
    match &**objects.get(&Place::parse(path)?)? {
        Object::System(system) => Some(system),
        _ => None,
    }
}
