//! What a row of events comes to. A checkpoint has only what still matters of them, as events
//! again: taking these gives the same state.

use std::collections::{BTreeMap, HashMap};

use format::FormatError;
use format::catalog::CatalogRows;
use format::event::{
    EVENT_CLEARED, EVENT_GONE, EVENT_HELD, EVENT_RELEASED, EVENT_REMOVED, EVENT_RETURNED, Event,
    MarkRow, PointRow, ScrubRow,
};
use model::{PointId, Sequence};

use crate::clock::Clock;
use crate::policy::Policies;
use crate::{Listed, Point, Removal};

/// Most scrubs of which a row is kept: more than two years of monthly ones.
const MAX_SCRUBS: usize = 32;

/// Everything that the catalog knows.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    /// By the order in which they became known.
    points: BTreeMap<u64, Entry>,
    numbers: HashMap<PointId, u64>,
    /// Number of the next point.
    next: u64,
    pub(crate) clock: Clock,
    pub(crate) policies: Policies,
    /// By their number, the newest [`MAX_SCRUBS`].
    scrubs: BTreeMap<u64, ScrubRow>,
    /// Events of kinds that this version does not know.
    kept: CatalogRows,
}

/// A recovery point with the marks that hold.
#[derive(Debug, Clone)]
struct Entry {
    row: PointRow,
    removed: Option<MarkRow>,
    held: Option<MarkRow>,
    cleared: Option<MarkRow>,
}

impl State {
    /// The state that a checkpoint has.
    pub(crate) fn restore(snapshot: &[u8]) -> Result<Self, FormatError> {
        let mut kept = CatalogRows::decode(snapshot)?;
        let events = std::mem::take(&mut kept.events);
        let mut state = Self { kept, ..Self::default() };
        events.into_iter().for_each(|event| state.take(event));
        Ok(state)
    }

    /// For a checkpoint: points in the order of the log, each before its marks, then the rest.
    pub(crate) fn snapshot(&self) -> Vec<u8> {
        let mut rows = self.kept.clone();
        for entry in self.points.values() {
            rows.events.push(Event::Point(entry.row));
            let marks = [entry.removed, entry.held, entry.cleared];
            rows.events.extend(marks.into_iter().flatten().map(Event::Mark));
        }
        rows.events.extend(self.clock.newest().copied().map(Event::Clock));
        rows.events.extend(self.policies.rows().copied().map(Event::Policy));
        rows.events.extend(self.scrubs.values().copied().map(Event::Scrub));
        rows.encode()
    }

    /// Takes an event that came with a commit.
    pub(crate) fn apply(&mut self, sequence: Sequence, event: Event) {
        self.take(match event {
            Event::Point(row) => Event::Point(PointRow { sequence, ..row }),
            Event::Mark(row) => Event::Mark(MarkRow { sequence, ..row }),
            event => event,
        });
    }

    /// Keeps an event that this version does not know.
    pub(crate) fn keep(&mut self, sequence: Sequence, event: &[u8]) -> Result<(), FormatError> {
        self.kept.keep(sequence, event)
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Point(row) => self.add(row),
            Event::Mark(row) if row.kind == EVENT_GONE => self.drop_point(row.point),
            Event::Mark(row) => self.mark(row),
            Event::Clock(row) => self.clock.take(row),
            Event::Policy(row) => self.policies.take(row),
            Event::Scrub(row) => {
                self.scrubs.insert(row.number, row);
                if self.scrubs.len() > MAX_SCRUBS {
                    self.scrubs.pop_first();
                }
            }
        }
    }

    /// Ids are random: a second point of the same id would be the first again.
    fn add(&mut self, row: PointRow) {
        if self.numbers.contains_key(&row.point) {
            return;
        }
        self.numbers.insert(row.point, self.next);
        let entry = Entry { row, removed: None, held: None, cleared: None };
        self.points.insert(self.next, entry);
        self.next += 1;
    }

    fn drop_point(&mut self, id: PointId) {
        if let Some(number) = self.numbers.remove(&id) {
            self.points.remove(&number);
        }
    }

    /// What is said of a point that is not there has no meaning any more.
    fn mark(&mut self, row: MarkRow) {
        let number = self.numbers.get(&row.point);
        let Some(entry) = number.and_then(|number| self.points.get_mut(number)) else { return };
        match row.kind {
            EVENT_REMOVED => entry.removed = Some(row),
            EVENT_RETURNED => entry.removed = None,
            EVENT_HELD => entry.held = Some(row),
            EVENT_RELEASED => entry.held = None,
            EVENT_CLEARED => entry.cleared = Some(row),
            _ => {}
        }
    }

    /// All points, oldest first.
    pub(crate) fn points(&self) -> impl DoubleEndedIterator<Item = Listed> {
        self.points.values().map(Entry::listed)
    }

    pub(crate) fn point(&self, id: PointId) -> Option<Listed> {
        self.points.get(self.numbers.get(&id)?).map(Entry::listed)
    }

    /// Oldest first.
    pub(crate) fn scrubs(&self) -> impl Iterator<Item = &ScrubRow> {
        self.scrubs.values()
    }
}

impl Entry {
    fn listed(&self) -> Listed {
        Listed {
            point: Point::of(&self.row),
            removed: self.removed.as_ref().map(Removal::of),
            held: self.held.is_some(),
            cleared: self.cleared.is_some(),
        }
    }
}
