//! What is shown, and what is not told yet. Takes values and times and gives values.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::mem::{Discriminant, discriminant};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::emit::Note;
use crate::object::{Object, interface_at};
use crate::place::Place;
use crate::signal::Edge;
use crate::view::Changes;

/// Changes of nothing but progress are told at most this often for an object: two signals a second
/// are enough for a person who looks on.
pub(crate) const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

/// Jobs on the bus. The oldest of the ended go first; the catalog keeps their history.
pub(crate) const JOBS_MAX: usize = 1000;

/// Alerts on the bus. The least severe go first.
pub(crate) const ALERTS_MAX: usize = 256;

/// Recovery points on the bus: as many as fit into one listing, with room to spare (a system bus
/// carries 32 MiB in a message, a point takes less than 900 bytes). The oldest go first.
pub(crate) const POINTS_MAX: usize = 30_000;

/// Objects of any other kind on the bus.
pub(crate) const OTHERS_MAX: usize = 4096;

/// Edges that wait to be told. Beyond it the oldest are lost; the properties tell the same.
const EDGES_MAX: usize = 4096;

/// Notes told in one go.
const BATCH_MAX: usize = 128;

#[derive(Debug, Default)]
pub(crate) struct State {
    objects: BTreeMap<Place, Arc<Object>>,
    counts: HashMap<Discriminant<Place>, usize>,
    outboxes: Vec<Outbox>,
    opened: u64,
}

/// What one connection was not told yet.
#[derive(Debug)]
struct Outbox {
    number: u64,
    pending: BTreeMap<Place, Pending>,
    /// When each object was last told of, as long as that may hold its progress back.
    told: HashMap<Place, Instant>,
    edges: VecDeque<Edge>,
    wake: Arc<Notify>,
}

#[derive(Debug)]
struct Pending {
    /// What the other end knows.
    before: Option<Arc<Object>>,
    due: Instant,
}

/// What is to be told now, and when there is more.
#[derive(Debug)]
pub(crate) struct Due {
    pub(crate) notes: Vec<Note>,
    pub(crate) next: Option<Instant>,
}

impl State {
    pub(crate) fn get(&self, place: &Place) -> Option<Arc<Object>> {
        self.objects.get(place).cloned()
    }

    pub(crate) fn objects(&self) -> impl Iterator<Item = (&Place, &Arc<Object>)> {
        self.objects.iter()
    }

    /// The places from `first` to `last`.
    pub(crate) fn between(&self, first: &Place, last: &Place) -> impl Iterator<Item = &Place> {
        self.objects.range(first..=last).map(|(place, _)| place)
    }

    pub(crate) fn put(&mut self, object: Object, now: Instant) {
        let Some(place) = object.place() else {
            log::warn!("an object without a valid id is not shown: {object:?}");
            return;
        };
        let before = self.objects.get(&place).cloned();
        if before.as_deref() == Some(&object) {
            return;
        }
        if before.is_none() && !self.make_room(&place, now) {
            log::warn!("too many objects: {} is not shown", place.path());
            return;
        }
        let edge = edge(before.as_deref(), Some(&object));
        let urgent = before.as_deref().is_none_or(|before| is_urgent(before, &object));
        self.objects.insert(place.clone(), Arc::new(object));
        self.note(&place, before, urgent, edge, now);
    }

    pub(crate) fn remove(&mut self, place: &Place, now: Instant) {
        let Some(before) = self.objects.remove(place) else { return };
        if let Some(count) = self.counts.get_mut(&discriminant(place)) {
            *count -= 1;
        }
        let edge = edge(Some(&before), None);
        self.note(place, Some(before), true, edge, now);
    }

    /// An outbox for a new connection, which knows nothing yet and will list what is there.
    pub(crate) fn open_outbox(&mut self) -> (u64, Arc<Notify>) {
        self.opened += 1;
        let wake = Arc::new(Notify::new());
        self.outboxes.push(Outbox {
            number: self.opened,
            pending: BTreeMap::new(),
            told: HashMap::new(),
            edges: VecDeque::new(),
            wake: wake.clone(),
        });
        (self.opened, wake)
    }

    pub(crate) fn close_outbox(&mut self, number: u64) {
        self.outboxes.retain(|outbox| outbox.number != number);
    }

    /// Takes what is due at `now` out of an outbox, at most a batch. With `all`, also what is due
    /// later.
    pub(crate) fn take_due(&mut self, number: u64, now: Instant, all: bool) -> Due {
        let objects = &self.objects;
        match self.outboxes.iter_mut().find(|outbox| outbox.number == number) {
            Some(outbox) => outbox.take_due(objects, now, all),
            None => Due { notes: Vec::new(), next: None },
        }
    }

    fn note(
        &mut self,
        place: &Place,
        before: Option<Arc<Object>>,
        urgent: bool,
        edge: Option<Edge>,
        now: Instant,
    ) {
        for outbox in &mut self.outboxes {
            outbox.note(place, before.clone(), urgent, now);
            if let Some(edge) = &edge {
                outbox.push_edge(edge.clone());
            }
            outbox.wake.notify_one();
        }
    }

    /// Counts one more object of a kind in. False if there is no room and none can be made.
    fn make_room(&mut self, place: &Place, now: Instant) -> bool {
        let max = match place {
            Place::Job(_) => JOBS_MAX,
            Place::Alert(_) => ALERTS_MAX,
            Place::Point(_) => POINTS_MAX,
            _ => OTHERS_MAX,
        };
        if self.counts.get(&discriminant(place)).is_some_and(|count| *count >= max) {
            let Some(least) = self.least(place) else { return false };
            self.remove(&least, now);
        }
        *self.counts.entry(discriminant(place)).or_default() += 1;
        true
    }

    /// Which of the objects of a kind matters least. None if each does.
    fn least(&self, kind: &Place) -> Option<Place> {
        let alike =
            self.objects.iter().filter(|(place, _)| discriminant(*place) == discriminant(kind));
        let ranked = alike.filter_map(|(place, object)| Some((rank(object)?, place)));
        ranked.min().map(|(_, place)| place.clone())
    }
}

impl Outbox {
    fn note(&mut self, place: &Place, before: Option<Arc<Object>>, urgent: bool, now: Instant) {
        let due = match self.told.get(place) {
            Some(told) if !urgent => now.max(*told + PROGRESS_INTERVAL),
            _ => now,
        };
        let pending = self.pending.entry(place.clone()).or_insert(Pending { before, due });
        pending.due = pending.due.min(due);
    }

    fn push_edge(&mut self, edge: Edge) {
        if self.edges.len() == EDGES_MAX {
            self.edges.pop_front();
            log::warn!("the bus does not read: a signal is lost, properties tell the same");
        }
        self.edges.push_back(edge);
    }

    fn take_due(&mut self, objects: &BTreeMap<Place, Arc<Object>>, now: Instant, all: bool) -> Due {
        self.told.retain(|_, told| now < *told + PROGRESS_INTERVAL);
        let due = self.pending.iter().filter(|(_, pending)| all || pending.due <= now);
        let places: Vec<Place> = due.map(|(place, _)| place.clone()).take(BATCH_MAX).collect();
        let mut notes = Vec::new();
        for place in &places {
            let before = self.pending.remove(place).and_then(|pending| pending.before);
            if let Some(note) = Note::of(place, before, objects.get(place).cloned()) {
                self.told.insert(place.clone(), now);
                notes.push(note);
            }
        }
        let next = self.pending.values().map(|pending| pending.due).min();
        // Edges come behind the properties that belong to them.
        if !next.is_some_and(|next| all || next <= now) {
            notes.extend(self.edges.drain(..).map(Note::Edge));
        }
        Due { notes, next }
    }
}

/// What happened from one view of an object to the next, if that is told beside the properties.
fn edge(before: Option<&Object>, after: Option<&Object>) -> Option<Edge> {
    match (before, after) {
        (Some(Object::Job(before)), Some(Object::Job(after)))
            if !before.state.is_ended() && after.state.is_ended() =>
        {
            let (job, state, cause) = (after.number, after.state, after.cause.clone());
            Some(Edge::JobEnded { job, state, cause })
        }
        (None, Some(Object::Alert(after))) => {
            Some(Edge::AlertRaised { alert: after.number, code: after.code.clone() })
        }
        (Some(Object::Alert(before)), None) => {
            Some(Edge::AlertCleared { alert: before.number, code: before.code.clone() })
        }
        _ => None,
    }
}

/// Whether more than progress differs.
fn is_urgent(before: &Object, after: &Object) -> bool {
    let properties = after.interface().properties;
    let differing = before.differing(after).into_iter();
    differing.filter_map(|at| properties.get(at)).any(|one| one.changes != Changes::Progress)
}

/// The lower, the less it matters that the object is shown. None if it has to be.
fn rank(object: &Object) -> Option<(u64, u64)> {
    match object {
        Object::Job(job) => job.state.is_ended().then_some((job.ended_at, job.number)),
        Object::Alert(alert) => Some((alert.severity.into(), alert.since)),
        Object::Point(point) => Some((point.sequence, 0)),
        _ => None,
    }
}

/// The interface of a place, for notes about objects that are gone.
pub(super) fn interface_name(place: &Place) -> &'static str {
    interface_at(place).name
}

#[cfg(test)]
mod tests;
