//! How far a recovery point lies in the order in which it is read: its locality score.
//!
//! ```text
//!         bytes that a disk reads, in whole units, while the point is restored from its first
//!         byte to its last
//! score = ---------------------------------------------------------------------------------
//!         stored bytes of the records that the restore asks for, each time that it does
//! ```
//!
//! It has no unit and is 1.0 at least: 1.0 says that nothing is read in vain, 2.0 that a disk with
//! heads takes about twice the time that it must. A unit is [`UNIT_BYTES`], from the start of its
//! segment on, as far as the segment's records go. A unit that is among the [`UNITS_KEPT`] read
//! last is not read again. What one leaf needs is read in the order in which it lies, as
//! [`Store::read_batch`] does; leaf follows leaf.

use std::collections::VecDeque;

use model::Digest;

use crate::index::Place;
use crate::members::lock;
use crate::store::{Inner, Store};
use crate::walk::Walk;
use crate::{Result, StoreError};

/// What a disk with heads reads in the time of a seek: 7200 turns a minute need 8 ms to seek and
/// 4 ms for half a turn, in which 90 to 130 MB/s are 1 MiB to 1.5 MiB; the inner tracks count.
const UNIT_BYTES: u64 = 1 << 20;

/// Smaller segments, of small disks, have smaller units: always at least so many.
const UNITS_IN_SEGMENT: u64 = 16;

/// Units that are there without being read again. Four workers with a leaf of 16 MiB each work side
/// by side, and as many wrote the segments that they read.
const UNITS_KEPT: usize = 64;

/// Stored bytes that reading a recovery point needs, and those that a disk reads for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Locality {
    pub needed_bytes: u64,
    pub read_bytes: u64,
}

impl Locality {
    /// The score: 1.0 or more; 1.0 of a point without any data.
    pub fn score(&self) -> f64 {
        (self.read_bytes as f64 / self.needed_bytes.max(1) as f64).max(1.0)
    }

    /// Whether the score is above so many hundredths.
    pub(crate) fn is_over(&self, hundredths: u64) -> bool {
        u128::from(self.read_bytes) * 100 > u128::from(self.needed_bytes) * u128::from(hundredths)
    }
}

/// How a disk reads, for the score.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) unit_bytes: u64,
    pub(crate) units_kept: usize,
}

impl Reading {
    /// From segments of this size.
    pub(crate) fn of(segment_bytes: u32) -> Self {
        let unit_bytes = UNIT_BYTES.min(u64::from(segment_bytes) / UNITS_IN_SEGMENT).max(1);
        Self { unit_bytes, units_kept: UNITS_KEPT }
    }
}

/// Where a record lies, in bytes from the start of its segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stretch {
    pub(crate) segment: u32,
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// Where the last record of the segment ends.
    pub(crate) end: u64,
}

/// Adds up what reading stretches one after the other takes.
#[derive(Debug)]
pub(crate) struct Meter {
    reading: Reading,
    /// Units read last, the latest in front.
    kept: VecDeque<(u32, u64)>,
    pub(crate) locality: Locality,
}

impl Meter {
    pub(crate) fn new(reading: Reading) -> Self {
        Self { reading, kept: VecDeque::new(), locality: Locality::default() }
    }

    /// Reads the next stretch; gives the bytes that the disk read for it.
    pub(crate) fn read(&mut self, stretch: &Stretch) -> u64 {
        let unit_bytes = self.reading.unit_bytes;
        let units = stretch.from / unit_bytes..stretch.to.div_ceil(unit_bytes);
        let read = units.map(|unit| {
            let bytes = stretch.end.saturating_sub(unit * unit_bytes).min(unit_bytes);
            if self.has((stretch.segment, unit)) { 0 } else { bytes }
        });
        let read = read.sum();
        self.locality.read_bytes += read;
        self.locality.needed_bytes += stretch.to - stretch.from;
        read
    }

    /// Whether a unit is there already. From now on it is.
    fn has(&mut self, unit: (u32, u64)) -> bool {
        let known = self.kept.iter().position(|kept| *kept == unit);
        if let Some(at) = known {
            self.kept.remove(at);
        }
        self.kept.push_front(unit);
        self.kept.truncate(self.reading.units_kept);
        known.is_some()
    }
}

impl Store {
    /// How far a recovery point, given by its record, lies in reading order now. Reads its
    /// manifests and no chunks. `go_on` is asked from time to time.
    ///
    /// # Errors
    /// `Interrupted`, and whatever stands in the way of reading a manifest.
    pub async fn locality(
        &self,
        point: Digest,
        go_on: &mut (dyn FnMut() -> bool + Send),
    ) -> Result<Locality> {
        let _lease = self.lease(vec![point]);
        let mut meter = Meter::new(Reading::of(self.inner.geometry.segment_bytes()));
        let mut walk = Walk::new(&self.inner, point);
        while let Some(steps) = walk.next().await? {
            if !go_on() {
                return Err(StoreError::Interrupted);
            }
            for step in steps {
                let mut stretches = self.inner.stretches(&step).await?;
                stretches.sort_unstable_by_key(|(_, stretch)| *stretch);
                for (_, stretch) in &stretches {
                    meter.read(stretch);
                }
            }
        }
        Ok(meter.locality)
    }
}

impl Inner {
    /// Where these records are read from, in the same order. Without those that were lost.
    pub(crate) async fn stretches(&self, digests: &[Digest]) -> Result<Vec<(Place, Stretch)>> {
        let mut stretches = Vec::with_capacity(digests.len());
        for digest in digests {
            let found = match self.find(digest).await {
                Err(StoreError::Damaged { .. } | StoreError::DamagedStructure { .. }) => None,
                found => found?,
            };
            let Some((place, entry)) = found else { continue };
            let end = lock(&self.segments).get(place.segment).map(|segment| segment.body_end());
            let from = u64::from(entry.offset);
            let to = from + u64::from(entry.length);
            let end = end.map_or(to, |end| u64::from(end).max(to));
            stretches.push((place, Stretch { segment: place.segment, from, to, end }));
        }
        Ok(stretches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READING: Reading = Reading { unit_bytes: 100, units_kept: 2 };

    fn measure(places: &[(u32, u64, u64)]) -> Locality {
        let mut meter = Meter::new(READING);
        for (segment, from, to) in places {
            meter.read(&Stretch { segment: *segment, from: *from, to: *to, end: 950 });
        }
        meter.locality
    }

    fn scattered(segments: u32, rounds: u64) -> Vec<(u32, u64, u64)> {
        let round = |at: u64| (0..segments).map(move |segment| (segment, at * 10, at * 10 + 10));
        (0..rounds).flat_map(round).collect()
    }

    #[test]
    fn what_lies_in_order_is_read_once_and_scores_one() {
        let in_order: Vec<_> = (0..95).map(|at| (1, at * 10, at * 10 + 10)).collect();
        let locality = measure(&in_order);
        assert_eq!(locality, Locality { needed_bytes: 950, read_bytes: 950 });
        assert_eq!((locality.score(), locality.is_over(100)), (1.0, false));
        let one = measure(&[(1, 0, 950)]);
        assert_eq!(one, locality, "however long its records are");
        assert_eq!(Locality::default().score(), 1.0, "nothing at all is in order");
    }

    #[test]
    fn as_many_places_as_units_are_kept_cost_nothing_and_one_more_a_unit_each_time() {
        let two = measure(&scattered(2, 10));
        assert_eq!(two, Locality { needed_bytes: 200, read_bytes: 200 });
        let three = measure(&scattered(3, 10));
        assert_eq!(three, Locality { needed_bytes: 300, read_bytes: 3000 });
        assert_eq!(three.score(), 10.0);
        assert!(three.is_over(999) && !three.is_over(1000));
    }

    #[test]
    fn a_unit_is_read_whole_but_not_beyond_the_last_record() {
        assert_eq!(measure(&[(1, 95, 105)]), Locality { needed_bytes: 10, read_bytes: 200 });
        assert_eq!(measure(&[(1, 940, 950)]), Locality { needed_bytes: 10, read_bytes: 50 });
    }

    #[test]
    fn what_is_asked_for_twice_is_needed_twice() {
        let far = measure(&[(1, 0, 10), (2, 0, 10), (3, 0, 10), (1, 0, 10)]);
        assert_eq!(far, Locality { needed_bytes: 40, read_bytes: 400 });
        let near = measure(&[(1, 0, 80), (1, 0, 80)]);
        assert_eq!((near.read_bytes, near.score()), (100, 1.0), "never less than one");
    }
}
