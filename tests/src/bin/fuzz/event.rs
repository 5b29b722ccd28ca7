//! Events of the catalog, and its rows in a checkpoint.

use disk::sim::SimRng;
use format::event::{
    EVENT_POINT, PointRow, decode_catalog, decode_event, encode_catalog, encode_point,
};

use crate::make::{fixed, list};
use crate::mutate::{field, mutate};
use crate::target::Reader;

const EVENT: u8 = 0;
const CATALOG: u8 = 1;

/// Input: which of the two, then its bytes.
pub(crate) struct Events;

impl Reader for Events {
    fn input(&mut self, rng: &mut SimRng) -> Vec<u8> {
        let (kind, mut bytes) = if rng.below(2) == 0 {
            (EVENT, encode_point(&PointRow { kind: EVENT_POINT, ..fixed(rng) }))
        } else {
            (CATALOG, encode_catalog(list(rng, 6).iter()))
        };
        match rng.below(2) {
            0 => mutate(rng, &mut bytes),
            _ => field(rng, &PointRow::TABLE, &mut bytes),
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
                if let Ok(rows) = decode_catalog(catalog) {
                    assert_eq!(encode_catalog(rows.iter()), catalog, "encoded again");
                }
            }
            None => {}
        }
    }
}
