//! Events of the catalog, and its rows in a checkpoint.

use disk::sim::SimRng;
use format::catalog::{CatalogRows, KeptEvent};
use format::event::{
    ClockRow, EVENT_CLOCK, EVENT_POINT, EVENT_POLICY, EVENT_REMOVED, EVENT_SCRUB, Event, MarkRow,
    PointRow, PolicyRow, ScrubRow, decode_event,
};
use model::Sequence;

use crate::make::fixed;
use crate::mutate::{field, mutate};
use crate::target::Reader;

const EVENT: u8 = 0;
const CATALOG: u8 = 1;

/// Bytes of each event that is kept.
const KEPT: usize = 9;

/// Input: which of the two, then its bytes.
pub(crate) struct Events;

impl Reader for Events {
    fn input(&mut self, rng: &mut SimRng) -> Vec<u8> {
        let (kind, mut bytes) =
            if rng.below(2) == 0 { (EVENT, event(rng).encode()) } else { (CATALOG, catalog(rng)) };
        match rng.below(3) {
            0 => mutate(rng, &mut bytes),
            1 => field(rng, &PointRow::TABLE, &mut bytes),
            _ => {
                let at = bytes.len().saturating_sub(KeptEvent::TABLE.size + KEPT);
                field(rng, &KeptEvent::TABLE, &mut bytes[at..]);
            }
        }
        bytes.insert(0, kind);
        bytes
    }

    fn read(&mut self, input: &[u8]) {
        match input.split_first() {
            Some((&EVENT, event)) => match decode_event(event) {
                Ok(Some(known)) => assert_eq!(known.encode(), event, "encoded again"),
                Ok(None) => assert!(event.first().is_some_and(|kind| *kind >= 128)),
                Err(_) => {}
            },
            Some((_, catalog)) => {
                if let Ok(rows) = CatalogRows::decode(catalog) {
                    assert_eq!(rows.encode(), catalog, "encoded again");
                }
            }
            None => {}
        }
    }
}

fn event(rng: &mut SimRng) -> Event {
    match rng.below(5) {
        0 => Event::Point(PointRow { kind: EVENT_POINT, ..fixed(rng) }),
        1 => Event::Mark(MarkRow { kind: EVENT_REMOVED + rng.below(6) as u8, ..fixed(rng) }),
        2 => Event::Clock(ClockRow { kind: EVENT_CLOCK, ..fixed(rng) }),
        3 => Event::Policy(PolicyRow { kind: EVENT_POLICY, ..fixed(rng) }),
        _ => Event::Scrub(ScrubRow { kind: EVENT_SCRUB, ..fixed(rng) }),
    }
}

fn catalog(rng: &mut SimRng) -> Vec<u8> {
    let mut rows = CatalogRows::default();
    rows.events.extend((0..rng.below(6)).map(|_| event(rng)));
    for _ in 0..rng.below(4) {
        let kind = 128 + rng.below(128) as u8;
        rows.keep(Sequence(rng.next_u64()), &[kind; KEPT]).expect("it has room");
    }
    rows.encode()
}
