//! The commit queue: what is acknowledged is durable and in order, and nobody waits for ever.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use disk::schedules::{explore, some_turns};
use disk::sim::{SimFault, SimMachine, SimRng};
use format::FormatError;
use futures_util::future::join_all;
use model::Sequence;
use shuttle::future::{block_on, spawn};
use shuttle::rand::{Rng, thread_rng};

use super::super::fixture::{
    LAYOUT, POOL, SMALL, SeededEntropy, append, event, expect_all, keys, machine, open, writer_keys,
};
use crate::{Journal, OpenOptions, Result, Store, StoreError};

const TASKS: usize = 3;
/// Commits of each task, and records that it appends for each.
const COMMITS: usize = 2;
const RECORDS: usize = 2;

/// Remembers events, and that no two commits give it theirs at once.
#[derive(Default)]
struct Turns {
    busy: AtomicBool,
    events: Mutex<Vec<u32>>,
}

impl Journal for Turns {
    fn restore(&self, _: &[u8]) -> Result<(), FormatError> {
        Ok(())
    }

    fn apply(&self, _: Sequence, event: &[u8]) -> Result<(), FormatError> {
        assert!(!self.busy.swap(true, Ordering::Relaxed), "two commits at once");
        shuttle::thread::yield_now();
        let number = event.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        self.events.lock().unwrap().push(number);
        self.busy.store(false, Ordering::Relaxed);
        Ok(())
    }

    fn snapshot(&self) -> Vec<u8> {
        self.events.lock().unwrap().iter().flat_map(|number| number.to_le_bytes()).collect()
    }
}

/// A commit that was acknowledged.
#[derive(Debug, Clone)]
struct Acknowledged {
    event: u32,
    sequence: Sequence,
    /// Events of the machine by then.
    moment: usize,
    /// Acknowledged before this one was asked for.
    before: Vec<u32>,
    /// Records that had been appended by then.
    covers: Vec<usize>,
}

/// What all tasks did, in the order in which they heard of it.
#[derive(Default)]
struct History {
    appended: Vec<usize>,
    acknowledged: Vec<Acknowledged>,
}

/// Appends and commits, in turn.
async fn work(
    store: Store,
    machine: SimMachine,
    history: Arc<Mutex<History>>,
    task: usize,
) -> Result<()> {
    let mut writer = store.writer(writer_keys(task as u8));
    for round in 0..COMMITS {
        let first = SMALL.start + (task * COMMITS + round) * RECORDS;
        for number in first..first + RECORDS {
            append(&mut writer, number).await?;
            history.lock().unwrap().appended.push(number);
        }
        let event_number = first as u32;
        let (before, covers) = {
            let history = history.lock().unwrap();
            let known = history.acknowledged.iter().map(|known| known.event);
            (known.collect(), history.appended.clone())
        };
        let sequence = store.commit(vec![event(event_number, 12)]).await?;
        let moment = machine.event_count();
        let acknowledged = Acknowledged { event: event_number, sequence, moment, before, covers };
        history.lock().unwrap().acknowledged.push(acknowledged);
    }
    Ok(())
}

/// What goes wrong while tasks commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    /// One of them no longer waits for the end.
    GivesUp,
    /// One of two disks fails.
    Disk,
}

fn round(trouble: Trouble) {
    let mut rng = thread_rng();
    let disks = if trouble == Trouble::Disk { 2 } else { 1 };
    let machine = machine(disks, 12);
    let journal = Arc::new(Turns::default());
    let history = Arc::new(Mutex::new(History::default()));
    let outcomes = block_on(async {
        let (entropy, journal, keys) = (SeededEntropy::new(1), journal.clone(), keys(1));
        let store = Store::create(machine.disks(), LAYOUT, &keys, POOL, entropy, journal);
        let store = store.await.unwrap();
        if trouble == Trouble::Disk {
            let fault = match rng.gen_bool(0.5) {
                true => SimFault::FailWrite { nth: rng.gen_range(0..40), lasting: true },
                false => SimFault::FailFlush { nth: rng.gen_range(0..8) },
            };
            machine.inject(rng.gen_range(0..2), fault);
        }
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| spawn(work(store.clone(), machine.clone(), history.clone(), task)))
            .collect();
        if trouble == Trouble::GivesUp {
            some_turns(300).await;
            tasks[0].abort();
        }
        join_all(tasks).await
    });
    for outcome in outcomes {
        match outcome {
            Ok(Ok(())) => {}
            Ok(Err(StoreError::Stopped)) | Err(_) if trouble == Trouble::GivesUp => {}
            other => panic!("{trouble:?}: {other:?}"),
        }
    }
    let events = journal.events.lock().unwrap().clone();
    let history = history.lock().unwrap();
    check_order(&history.acknowledged, &events);
    check_durable(&machine, &history.acknowledged, &events);
}

/// Each acknowledged event once, behind those that were acknowledged before it was asked for.
fn check_order(acknowledged: &[Acknowledged], events: &[u32]) {
    let place = |event: u32| {
        let mut found = events.iter().enumerate().filter(|(_, other)| **other == event);
        let (at, _) = found.next().expect("acknowledged and not in the journal");
        assert!(found.next().is_none(), "{event} twice in {events:?}");
        at
    };
    for ack in acknowledged {
        for before in &ack.before {
            assert!(place(*before) < place(ack.event), "{before} is not before {ack:?}");
            let earlier = acknowledged.iter().find(|other| other.event == *before).unwrap();
            assert!(earlier.sequence < ack.sequence, "{earlier:?}, {ack:?}");
        }
        place(ack.event);
    }
}

/// Power fails right after one of the commits was acknowledged.
fn check_durable(machine: &SimMachine, acknowledged: &[Acknowledged], events: &[u32]) {
    if acknowledged.is_empty() {
        return;
    }
    let mut rng = thread_rng();
    let ack = &acknowledged[rng.gen_range(0..acknowledged.len())];
    let machine = machine.crashed(ack.moment, &mut SimRng::new(rng.r#gen()));
    block_on(async {
        let (opened, after) = open(machine.disks(), OpenOptions::default(), 2).await.unwrap();
        let after = after.list();
        let known = after.len().min(events.len());
        assert_eq!(after[..known], events[..known], "another order");
        for other in acknowledged.iter().filter(|other| other.moment <= ack.moment) {
            assert!(after.contains(&other.event), "{other:?} is not in {after:?}");
            expect_all(&opened.store, other.covers.iter().copied()).await;
        }
    });
}

pub(super) fn committing() {
    round(Trouble::None);
}

pub(super) fn giving_up() {
    round(Trouble::GivesUp);
}

fn failing() {
    round(Trouble::Disk);
}

#[test]
fn no_schedule_loses_or_reorders_what_was_acknowledged() {
    explore(14_000, committing);
}

#[test]
fn no_schedule_leaves_others_waiting_for_who_gave_up() {
    explore(8_000, giving_up);
}

#[test]
fn no_schedule_loses_what_was_acknowledged_while_a_disk_fails() {
    explore(8_000, failing);
}
