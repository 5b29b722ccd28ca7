//! Events of the catalog, and its rows in a checkpoint.

use disk::sim::SimRng;
use format::event::{CatalogRows, EVENT_POINT, KeptEvent, PointRow, decode_event, encode_point};
use model::Sequence;

use crate::make::{fixed, list};
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
        let (kind, mut bytes) = if rng.below(2) == 0 {
            (EVENT, encode_point(&PointRow { kind: EVENT_POINT, ..fixed(rng) }))
        } else {
            (CATALOG, catalog(rng))
        };
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
                Ok(Some(row)) => assert_eq!(encode_point(&row), event, "encoded again"),
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

fn catalog(rng: &mut SimRng) -> Vec<u8> {
    let points = list(rng, 6).into_iter().map(|row| PointRow { kind: EVENT_POINT, ..row });
    let mut rows = CatalogRows::default();
    rows.points.extend(points);
    for _ in 0..rng.below(4) {
        let kind = 128 + rng.below(128) as u8;
        rows.keep(Sequence(rng.next_u64()), &[kind; KEPT]).expect("it has room");
    }
    rows.encode()
}
