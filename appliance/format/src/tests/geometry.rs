//! No two things on a disk overlap, and none lies outside.

use proptest::prelude::*;

use super::make;
use crate::geometry::{
    CELL_BYTES, EDGE_BYTES, Geometry, KEY_SLOTS, LOG_COPIES, MIN_SEGMENT_SLOTS, SUPERBLOCK_SLOTS,
};

/// Start and end of everything on a disk.
fn places(geometry: &Geometry) -> Vec<(u64, u64)> {
    let cells = (0..SUPERBLOCK_SLOTS).map(|slot| geometry.superblock_offset(slot));
    let cells = cells.chain((0..KEY_SLOTS).map(|slot| geometry.key_offset(slot)));
    let logs = (0..LOG_COPIES).map(|copy| geometry.log_offset(copy));
    let slots = (0..geometry.segment_slots()).map(|slot| geometry.slot_offset(slot));
    let mut places: Vec<(u64, u64)> = cells.map(|at| (at, at + CELL_BYTES)).collect();
    places.extend(logs.map(|at| (at, at + geometry.log_bytes())));
    places.extend(slots.map(|at| (at, at + u64::from(geometry.segment_bytes()))));
    places.sort_unstable();
    places
}

proptest! {
    #[test]
    fn places_are_disjoint_aligned_and_on_the_disk(geometry in make::geometry()) {
        let places = places(&geometry);
        prop_assert!(places.windows(2).all(|pair| pair[0].1 <= pair[1].0));
        prop_assert!(places.iter().all(|(start, _)| start % 4096 == 0));
        prop_assert_eq!(places.first().map(|place| place.0), Some(0));
        prop_assert_eq!(places.last().map(|place| place.1), Some(geometry.disk_bytes()));
        prop_assert!(geometry.segment_slots() >= MIN_SEGMENT_SLOTS);
        let used: u64 = places.iter().map(|(start, end)| end - start).sum();
        let rest = geometry.disk_bytes() - used;
        prop_assert!(rest < geometry.segment_bytes().into(), "room for another slot is left");
    }

    #[test]
    fn any_three_numbers_are_answered(disk: u64, log: u64, segment: u32) {
        let whole = (disk / 4096 * 4096, log / 4096 * 4096, segment / 4096 * 4096);
        for (disk, log, segment) in [(disk, log, segment), whole] {
            if let Some(geometry) = Geometry::new(disk, log, segment) {
                let tail = geometry.log_offset(1) + geometry.log_bytes() + EDGE_BYTES;
                prop_assert_eq!(tail, disk);
            }
        }
    }
}
