//! What is said to have changed since the parent recovery point.
//!
//! It saves reading what has not. What a hypervisor says is believed only as far as it can be
//! checked: a share of what it says is unchanged is read in every run, another one each time, and
//! an ingest that finds it wrong reads everything. What this box has noted itself is so.

use std::ops::Range;

/// Ranges that are kept: 16 MiB of memory. With more, close ones become one.
const MAX_RANGES: usize = 1 << 20;

/// Ranges of a volume that may differ from its parent, in bytes: in order, apart from one another.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dirty {
    ranges: Vec<Range<u64>>,
}

/// How much of what is said to be unchanged is read all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recheck {
    /// One leaf range in so many; another `turn` takes others, and after so many turns each was
    /// read.
    OneIn {
        leaves: u64,
        turn: u64,
    },
    All,
    /// The source is the parent with these ranges written over: there is nothing to check.
    Nothing,
}

/// What is said, and how far it is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    pub dirty: Dirty,
    pub recheck: Recheck,
}

impl Dirty {
    /// Ranges in any order.
    pub fn new(mut ranges: Vec<Range<u64>>) -> Self {
        ranges.retain(|range| !range.is_empty());
        ranges.sort_by_key(|range| range.start);
        let mut dirty = Self { ranges };
        dirty.join(0);
        let mut gap = 64 << 10;
        while dirty.ranges.len() > MAX_RANGES {
            dirty.join(gap);
            gap *= 2;
        }
        dirty
    }

    /// Makes one of ranges that are at most `gap` bytes apart.
    fn join(&mut self, gap: u64) {
        let mut joined: Vec<Range<u64>> = Vec::with_capacity(self.ranges.len());
        for range in self.ranges.drain(..) {
            match joined.last_mut() {
                Some(last) if range.start <= last.end.saturating_add(gap) => {
                    last.end = last.end.max(range.end);
                }
                _ => joined.push(range),
            }
        }
        self.ranges = joined;
    }

    /// The ranges alone.
    pub fn into_ranges(self) -> Vec<Range<u64>> {
        self.ranges
    }

    /// How many bytes that are.
    pub fn bytes(&self) -> u64 {
        self.ranges.iter().map(|range| range.end - range.start).sum()
    }

    /// What of `range` may differ, in order.
    pub fn within(&self, range: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        let first = self.ranges.partition_point(|dirty| dirty.end <= range.start);
        let from_first = self.ranges.iter().skip(first);
        let these = from_first.take_while({
            let end = range.end;
            move |dirty| dirty.start < end
        });
        these.map(move |dirty| dirty.start.max(range.start)..dirty.end.min(range.end))
    }
}

impl Hint {
    /// Whether a leaf range is read whatever is said of it.
    pub(crate) fn rechecks(&self, leaf: u64) -> bool {
        match self.recheck {
            Recheck::All => true,
            Recheck::Nothing => false,
            Recheck::OneIn { leaves, turn } => leaf % leaves.max(1) == turn % leaves.max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_come_in_any_order_and_touch_or_overlap() {
        let dirty = Dirty::new(vec![40..50, 0..10, 10..20, 45..60, 30..30]);
        assert_eq!(dirty.ranges, [0..20, 40..60]);
        assert_eq!(dirty.bytes(), 40);
        let within = |range| dirty.within(range).collect::<Vec<_>>();
        assert_eq!(within(5..45), [5..20, 40..45]);
        assert_eq!(within(20..40), [0..0; 0]);
        assert_eq!(dirty.within(59..90).next(), Some(59..60));
    }

    #[test]
    fn ranges_have_a_bound_and_none_is_forgotten_for_it() {
        let ranges = (0..MAX_RANGES as u64 + 7).map(|n| n << 17..(n << 17) + 1);
        let dirty = Dirty::new(ranges.clone().collect());
        assert!(dirty.ranges.len() <= MAX_RANGES);
        let last = ranges.clone().next_back().unwrap_or_default();
        assert_eq!(dirty.within(last.clone()).next(), Some(last));
    }

    #[test]
    fn every_leaf_has_its_turn() {
        let turns = |leaf| {
            let hint = |turn| Hint {
                dirty: Dirty::default(),
                recheck: Recheck::OneIn { leaves: 64, turn },
            };
            (0..64).filter(|turn| hint(*turn).rechecks(leaf)).count()
        };
        assert!((0..200).all(|leaf| turns(leaf) == 1));
    }
}
