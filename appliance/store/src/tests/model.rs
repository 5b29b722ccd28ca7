//! What a store was told and what it acknowledged, and whether what is found on disks after a
//! power failure agrees with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use disk::Disk;
use disk::sim::SimMachine;

use super::fixture::{Events, has, keys, open};
use crate::{OpenOptions, Opened, RecordPlace, Store, StoreError};

/// A record that was appended. Moments are numbers of events of the machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Appended {
    pub(super) number: usize,
    begun: usize,
    place: Option<RecordPlace>,
    /// Done, so that a commit that begins later covers it.
    done: bool,
    /// When a reclaim began that does not need it.
    dropped: Option<usize>,
}

/// What was committed: all events and records before some point.
#[derive(Debug, Clone)]
pub(super) struct Committed {
    pub(super) event: Option<u32>,
    begun: usize,
    acknowledged: Option<usize>,
    /// Appends that were done when it began.
    covers: Vec<usize>,
}

#[derive(Debug, Clone, Copy)]
struct KeysSet {
    generation: u64,
    begun: usize,
    acknowledged: Option<usize>,
}

/// The history of one pool. Clones share it. Who compares shares what it is by then: a copy is made
/// only when it goes on meanwhile.
#[derive(Debug, Clone, Default)]
pub(super) struct Model(Arc<Mutex<Arc<History>>>);

#[derive(Debug, Clone, Default)]
struct History {
    appended: Vec<Appended>,
    committed: Vec<Committed>,
    keys: Vec<KeysSet>,
    /// Events committed so far; they are numbered from 1.
    events: u32,
    /// Order of the events in the end.
    order: Vec<u32>,
}

/// What opening a pool found.
pub(super) struct Found {
    pub(super) store: Store,
    pub(super) journal: Arc<Events>,
    records: Vec<usize>,
    keys: u64,
}

impl Model {
    /// A pool that was made with keys of generation 1.
    pub(super) fn new() -> Self {
        let model = Self::default();
        let first = KeysSet { generation: 1, begun: 0, acknowledged: Some(0) };
        model.with(|history| history.keys.push(first));
        model
    }

    fn with<T>(&self, work: impl FnOnce(&mut History) -> T) -> T {
        work(Arc::make_mut(&mut self.0.lock().unwrap()))
    }

    fn so_far(&self) -> Arc<History> {
        self.0.lock().unwrap().clone()
    }

    pub(super) fn begin_append(&self, number: usize, now: usize) -> usize {
        self.with(|history| {
            let append = Appended { number, begun: now, place: None, done: false, dropped: None };
            history.appended.push(append);
            history.appended.len() - 1
        })
    }

    /// An append has been told its place. Two different records in one place would be sealed with
    /// one nonce.
    pub(super) fn placed(&self, append: usize, place: RecordPlace) -> Result<(), String> {
        self.with(|history| {
            let number = history.appended[append].number;
            history.appended[append].place = Some(place);
            let key = |place: &RecordPlace| (place.info.salt, place.record);
            let others = history.appended.iter().filter(|other| other.number != number);
            let mut places = others.filter_map(|other| other.place);
            match places.find(|other| key(other) == key(&place)) {
                Some(_) => Err(format!("record {number} is sealed with a nonce of another")),
                None => Ok(()),
            }
        })
    }

    /// A reclaim begins that needs these records alone: what else was appended may go.
    pub(super) fn begin_reclaim(&self, needed: &[usize], now: usize) {
        self.with(|history| {
            let gone = |append: &&mut Appended| !needed.contains(&append.number);
            let appended = history.appended.iter_mut().filter(gone);
            appended.for_each(|append| append.dropped = append.dropped.or(Some(now)));
        });
    }

    pub(super) fn end_append(&self, append: usize) {
        self.with(|history| history.appended[append].done = true);
    }

    /// Gives the number of the commit, and that of its event.
    pub(super) fn begin_commit(&self, with_event: bool, now: usize) -> (usize, u32) {
        self.with(|history| {
            history.events += u32::from(with_event);
            let number = history.events;
            let event = with_event.then_some(number);
            let done = history.appended.iter().enumerate().filter(|(_, append)| append.done);
            let covers = done.map(|(at, _)| at).collect();
            let commit = Committed { event, begun: now, acknowledged: None, covers };
            history.committed.push(commit);
            (history.committed.len() - 1, number)
        })
    }

    pub(super) fn end_commit(&self, commit: usize, now: usize) {
        self.with(|history| history.committed[commit].acknowledged = Some(now));
    }

    pub(super) fn begin_keys(&self, now: usize) -> u64 {
        self.with(|history| {
            let generation = history.keys.last().map_or(1, |keys| keys.generation) + 1;
            history.keys.push(KeysSet { generation, begun: now, acknowledged: None });
            generation
        })
    }

    pub(super) fn end_keys(&self, now: usize) {
        self.with(|history| {
            if let Some(keys) = history.keys.last_mut() {
                keys.acknowledged = Some(now);
            }
        });
    }

    /// Writes without which the appends of a store that was dropped are lost.
    pub(super) fn dropped(&self) {
        self.with(|history| history.appended.iter_mut().for_each(|append| append.done = false));
    }

    /// The events in the order in which the journal has them now.
    pub(super) fn set_order(&self, order: Vec<u32>) {
        self.with(|history| history.order = order);
    }

    /// As [`set_order`](Self::set_order), with events behind them that were committed and of which
    /// nobody heard any more.
    pub(super) fn extend_order(&self, mut order: Vec<u32>) {
        self.with(|history| {
            let known = |event: &u32| !order.contains(event) && !history.order.contains(event);
            let unheard = history.committed.iter().filter_map(|commit| commit.event).filter(known);
            let unheard: Vec<u32> = unheard.collect();
            if order.len() < history.order.len() {
                order = history.order.clone();
            }
            order.extend(unheard);
            history.order = order;
        });
    }

    /// How many commits were acknowledged.
    pub(super) fn acknowledged(&self) -> usize {
        let history = self.so_far();
        history.committed.iter().filter(|commit| commit.acknowledged.is_some()).count()
    }

    /// Numbers of the records that commits which were acknowledged cover.
    pub(super) fn numbers(&self) -> Vec<usize> {
        let history = self.so_far();
        let acknowledged = history.committed.iter().filter(|c| c.acknowledged.is_some());
        let covered = acknowledged.flat_map(|commit| &commit.covers);
        let covered = covered.map(|append| &history.appended[*append]);
        let mut numbers: Vec<usize> =
            covered.filter(|append| append.dropped.is_none()).map(|append| append.number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// The pool as it stands after `at` events and a power failure, after which `found` was seen:
    /// what was seen once may not be lost any more.
    pub(super) fn after(&self, at: usize, found: &Found) -> Self {
        let mut history = History::clone(&self.so_far());
        history.appended.retain(|append| append.begun <= at);
        for append in &mut history.appended {
            append.begun = 0;
            append.dropped = None;
            append.done = found.records.contains(&append.number);
        }
        let seen: Vec<usize> =
            (0..history.appended.len()).filter(|at| history.appended[*at].done).collect();
        let commit =
            |event| Committed { event, begun: 0, acknowledged: Some(0), covers: seen.clone() };
        let order = found.journal.list();
        let events = order.iter().copied().map(Some);
        history.committed = events.chain([None]).map(commit).collect();
        history.order = order;
        history.keys = vec![KeysSet { generation: found.keys, begun: 0, acknowledged: Some(0) }];
        Self(Arc::new(Mutex::new(Arc::new(history))))
    }

    /// Opens the pool as a power failure after `at` events left it, and compares.
    pub(super) async fn check(
        &self,
        machine: &SimMachine,
        at: usize,
        seed: u64,
    ) -> Result<Found, String> {
        self.check_disks(machine.disks(), OpenOptions::default(), at, seed).await
    }

    /// As [`check`](Self::check), with some of the disks.
    pub(super) async fn check_disks(
        &self,
        disks: Vec<Arc<dyn Disk>>,
        options: OpenOptions,
        at: usize,
        seed: u64,
    ) -> Result<Found, String> {
        let opened = open(disks, options, seed).await;
        let (Opened { store, .. }, events) = opened.map_err(|error| format!("opening: {error}"))?;
        self.compare(store, &events, at).await
    }

    /// Compares what a store has with what it must and may have.
    pub(super) async fn compare(
        &self,
        store: Store,
        journal: &Arc<Events>,
        at: usize,
    ) -> Result<Found, String> {
        let history = self.so_far();
        let (journal, events) = (journal.clone(), journal.list());
        check_events(&history, &events, at)?;
        let records = check_records(&history, &store, &events, at).await?;
        let keys = check_keys(&history, &store, at).await?;
        Ok(Found { store, journal, records, keys })
    }
}

/// Everything acknowledged is there, in order, and nothing that nobody committed.
fn check_events(history: &History, events: &[u32], at: usize) -> Result<(), String> {
    if !history.order.starts_with(events) {
        return Err(format!("events {events:?} are not the first of {:?}", history.order));
    }
    for commit in &history.committed {
        let Some(event) = commit.event else { continue };
        let acknowledged = commit.acknowledged.is_some_and(|moment| moment <= at);
        if acknowledged && !events.contains(&event) {
            return Err(format!("event {event} was acknowledged and is lost: {events:?}"));
        }
        if commit.begun > at && events.contains(&event) {
            return Err(format!("event {event} is there before it was committed"));
        }
    }
    Ok(())
}

/// Records of commits that were acknowledged, or whose events are there, can be read; no record
/// is wrong or damaged.
async fn check_records(
    history: &History,
    store: &Store,
    events: &[u32],
    at: usize,
) -> Result<Vec<usize>, String> {
    let mut needed: HashMap<usize, &Committed> = HashMap::new();
    for commit in &history.committed {
        let acknowledged = commit.acknowledged.is_some_and(|moment| moment <= at);
        if acknowledged || commit.event.is_some_and(|event| events.contains(&event)) {
            let covered = commit.covers.iter().map(|append| &history.appended[*append]);
            let kept = covered.filter(|append| append.dropped.is_none_or(|moment| moment > at));
            needed.extend(kept.map(|append| (append.number, commit)));
        }
    }
    let mut numbers: Vec<usize> = history.appended.iter().map(|append| append.number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut found = Vec::new();
    for number in numbers {
        match (has(store, number).await, needed.get(&number)) {
            (Ok(true), _) => found.push(number),
            (Ok(false), None) => {}
            (Ok(false), Some(commit)) => {
                return Err(format!("record {number} of {commit:?} is not there"));
            }
            (Err(error), _) => return Err(format!("record {number}: {error}")),
        }
    }
    Ok(found)
}

async fn check_keys(history: &History, store: &Store, at: usize) -> Result<u64, String> {
    let set = |keys: &&KeysSet| keys.acknowledged.is_some_and(|moment| moment <= at);
    let oldest = history.keys.iter().filter(set).map(|keys| keys.generation).max().unwrap_or(1);
    let begun = history.keys.iter().filter(|keys| keys.begun <= at);
    let newest = begun.map(|keys| keys.generation).max().unwrap_or(1);
    if newest == 1 {
        // Nothing has touched them: reading them each time would be most of the work.
        return Ok(1);
    }
    let read = store.keys().await.map_err(|error: StoreError| format!("keys: {error}"))?;
    let found = (oldest..=newest).find(|generation| read == keys(*generation));
    found.ok_or_else(|| format!("keys are none of {oldest} to {newest}"))
}
