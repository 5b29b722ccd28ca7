//! What is in use: reclaim takes nothing away that somebody found, appended or reads from.
//!
//! An ingest learns that a chunk is there long before the recovery point that needs it is known.
//! While a lease is held, every record that was found or appended is remembered, as is where the
//! holder reads from; reclaim keeps all of that. The memory is one bit a record, and goes with the
//! last lease.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use model::Digest;

use crate::index::Place;
use crate::members::lock;
use crate::planted::{Bug, planted};
use crate::store::{Inner, Store};

/// A set of the records of one segment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Records(Vec<u64>);

impl Records {
    /// Adds a record; true if it was not there.
    pub(crate) fn add(&mut self, record: u16) -> bool {
        let (word, bit) = (usize::from(record) / 64, 1_u64 << (record % 64));
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        let word = self.0.get_mut(word);
        word.is_some_and(|word| std::mem::replace(word, *word | bit) & bit == 0)
    }

    pub(crate) fn has(&self, record: u16) -> bool {
        let word = self.0.get(usize::from(record) / 64).copied().unwrap_or(0);
        word >> (record % 64) & 1 == 1
    }

    pub(crate) fn add_all(&mut self, other: &Self) {
        self.0.resize(self.0.len().max(other.0.len()), 0);
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
    }

    pub(crate) fn count(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// Whether all of these are in the other set too.
    pub(crate) fn within(&self, other: &Self) -> bool {
        let beyond = |at: usize| other.0.get(at).copied().unwrap_or(0);
        self.0.iter().enumerate().all(|(at, word)| word & !beyond(at) == 0)
    }
}

/// Who uses what.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    next: u64,
    leases: BTreeMap<u64, Vec<Digest>>,
    /// What was found or appended while there was a lease, by segment.
    touched: HashMap<u32, Records>,
    /// Segments that are being retired: nothing is found in them any more.
    leaving: HashSet<u32>,
}

impl Uses {
    /// Remembers that somebody counts on this record; false if it is too late for that.
    pub(crate) fn touch(&mut self, place: Place) -> bool {
        if self.leaving.contains(&place.segment) {
            return false;
        }
        if !self.leases.is_empty() && !planted(Bug::UsesForgotten) {
            self.touched.entry(place.segment).or_default().add(place.record);
        }
        true
    }

    /// Records of a segment that somebody counts on.
    pub(crate) fn touched(&self, segment: u32) -> Records {
        self.touched.get(&segment).cloned().unwrap_or_default()
    }

    /// From here on nothing is found in a segment, unless somebody counts on more than `kept`.
    pub(crate) fn leave(&mut self, segment: u32, kept: &Records) -> bool {
        let touched = self.touched.get(&segment);
        touched.is_none_or(|touched| touched.within(kept)) && self.leaving.insert(segment)
    }

    /// A segment has been retired, or was not after all.
    pub(crate) fn left(&mut self, segment: u32) {
        self.leaving.remove(&segment);
    }

    /// The number that the newest lease has.
    pub(crate) fn newest(&self) -> u64 {
        self.next
    }

    /// Whether some lease is at least as old as the one of this number.
    pub(crate) fn is_held_since(&self, number: u64) -> bool {
        self.leases.keys().next().is_some_and(|oldest| *oldest <= number)
    }

    /// What the holders of leases read from.
    pub(crate) fn roots(&self) -> Vec<Digest> {
        self.leases.values().flatten().copied().collect()
    }
}

/// While this exists, reclaim takes away nothing that is found or appended, nor what the roots that
/// it was made with lead to; and no slot that anything was in when it was made is used again.
#[derive(Debug)]
pub struct Lease {
    inner: Arc<Inner>,
    number: u64,
}

impl Inner {
    /// Remembers that somebody counts on a record that was found; false if it is too late for that.
    pub(crate) fn count_on(&self, place: Place) -> bool {
        let in_time = lock(&self.uses).touch(place);
        // What was retired meanwhile is not leaving any more, and not in the table either.
        let is_there = lock(&self.segments).get(place.segment).is_some();
        in_time && (is_there || planted(Bug::FoundWhereItWas))
    }
}

impl Store {
    /// To be held by whoever ingests, from before the first question until the recovery point is
    /// committed, and by whoever reads for longer than one call. `roots` are the records that it
    /// reads from: the recovery point that is restored, or the parent that an ingest compares with.
    pub fn lease(&self, roots: Vec<Digest>) -> Lease {
        let mut uses = lock(&self.inner.uses);
        uses.next += 1;
        let number = uses.next;
        uses.leases.insert(number, roots);
        Lease { inner: self.inner.clone(), number }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut uses = lock(&self.inner.uses);
        uses.leases.remove(&self.number);
        if uses.leases.is_empty() {
            uses.touched.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_leaves_only_when_all_that_is_in_use_is_kept() {
        let mut uses = Uses::default();
        uses.leases.insert(1, Vec::new());
        assert!(uses.touch(Place { segment: 7, record: 130 }));
        let mut kept = Records::default();
        assert!(!uses.leave(7, &kept));
        assert!(kept.add(130) && !kept.add(130) && kept.add(2));
        assert!(uses.leave(7, &kept));
        assert!(!uses.touch(Place { segment: 7, record: 2 }), "it is leaving");
        assert!(uses.touch(Place { segment: 8, record: 2 }));
        uses.left(7);
        assert!(uses.touch(Place { segment: 7, record: 2 }));
        assert_eq!(
            (kept.count(), kept.has(130), kept.has(3), kept.has(9000)),
            (2, true, false, false)
        );
    }
}
