//! Which blocks an overlay holds: two bits a block, in regions that exist once touched.
//!
//! Memory is bounded by the disk's size, whatever the pattern of writes: at most 64 MiB for a disk
//! of 1 TiB of which every region was written.

use std::collections::BTreeMap;
use std::ops::Range;

/// Blocks of one region: 128 MiB of disk in 8 KiB of memory.
const REGION: u64 = 32768;
const WORD: u64 = u64::BITS as u64;
const WORDS: usize = (REGION / WORD) as usize;

/// Where a block's content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// In the recovery point.
    Below,
    /// In the overlay.
    Data,
    /// Nowhere: it is zero.
    Zero,
}

#[derive(Debug, Clone, Default)]
pub(super) struct BlockMap {
    regions: BTreeMap<u64, Box<Region>>,
}

#[derive(Debug, Clone)]
struct Region([Word; WORDS]);

/// 64 blocks. No block has both bits set.
#[derive(Debug, Clone, Copy, Default)]
struct Word {
    data: u64,
    zero: u64,
}

impl BlockMap {
    pub(super) fn is_empty(&self) -> bool {
        self.regions.is_empty()
    }

    /// Sets `count` blocks from `first`; [`Held::Below`] forgets them.
    pub(super) fn set(&mut self, first: u64, count: u64, held: Held) {
        let end = first.saturating_add(count);
        let mut at = first;
        while at < end {
            let stop = region_end(at).min(end);
            let region = self.regions.entry(at / REGION).or_insert_with(Region::new);
            region.set(at % REGION..at % REGION + (stop - at), held);
            at = stop;
        }
    }

    /// What block `first` is held as, and how many blocks from it on are held so: at least 1, at
    /// most `limit`.
    pub(super) fn run(&self, first: u64, limit: u64) -> (Held, u64) {
        let held = self.regions.get(&(first / REGION)).map_or(Held::Below, |r| r.held(first));
        let end = first.saturating_add(limit);
        let mut at = first;
        while at < end {
            let stop = region_end(at).min(end);
            let alike = match self.regions.get(&(at / REGION)) {
                Some(region) => region.alike(at % REGION, stop - at, held),
                None if held == Held::Below => stop - at,
                None => 0,
            };
            at += alike;
            if at < stop {
                break;
            }
        }
        (held, (at - first).max(1))
    }

    /// All runs of blocks that are not held below, in order. None is longer than a region.
    pub(super) fn runs(&self) -> impl Iterator<Item = (u64, u32, Held)> + '_ {
        self.regions.iter().flat_map(|(number, region)| {
            let mut at = 0;
            std::iter::from_fn(move || {
                while at < REGION {
                    let held = region.held(at);
                    let count = region.alike(at, REGION - at, held);
                    let first = number * REGION + at;
                    at += count;
                    if held != Held::Below {
                        return Some((first, count as u32, held));
                    }
                }
                None
            })
        })
    }
}

impl Region {
    fn new() -> Box<Self> {
        Box::new(Self([Word::default(); WORDS]))
    }

    fn word(&self, block: u64) -> Word {
        self.0.get((block % REGION / WORD) as usize).copied().unwrap_or_default()
    }

    fn held(&self, block: u64) -> Held {
        let word = self.word(block);
        let bit = 1 << (block % WORD);
        match (word.data & bit != 0, word.zero & bit != 0) {
            (true, _) => Held::Data,
            (false, true) => Held::Zero,
            (false, false) => Held::Below,
        }
    }

    fn set(&mut self, blocks: Range<u64>, held: Held) {
        let mut at = blocks.start;
        while at < blocks.end {
            let stop = (at / WORD + 1).saturating_mul(WORD).min(blocks.end);
            let mask = (u64::MAX >> (WORD - (stop - at))) << (at % WORD);
            if let Some(word) = self.0.get_mut((at / WORD) as usize) {
                word.data = if held == Held::Data { word.data | mask } else { word.data & !mask };
                word.zero = if held == Held::Zero { word.zero | mask } else { word.zero & !mask };
            }
            at = stop;
        }
    }

    /// How many of the `limit` blocks from `first` are held as `held`, up to the first that is not.
    fn alike(&self, first: u64, limit: u64, held: Held) -> u64 {
        let mut count = 0;
        while count < limit {
            let block = first + count;
            let word = self.word(block);
            let alike = match held {
                Held::Data => word.data,
                Held::Zero => word.zero,
                Held::Below => !(word.data | word.zero),
            };
            let ones = u64::from((alike >> (block % WORD)).trailing_ones());
            count += ones;
            if ones < WORD - block % WORD {
                break;
            }
        }
        count.min(limit)
    }
}

/// The first block behind the region that holds `block`.
fn region_end(block: u64) -> u64 {
    (block / REGION + 1).saturating_mul(REGION)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BLOCKS: u64 = 2 * REGION + 100;

    fn any_held() -> impl Strategy<Value = Held> {
        prop_oneof![Just(Held::Below), Just(Held::Data), Just(Held::Zero)]
    }

    proptest! {
        #[test]
        fn the_map_agrees_with_a_list_of_blocks(
            sets in prop::collection::vec((0..BLOCKS, 1..5000u64, any_held()), 0..20),
            starts in prop::collection::vec(0..BLOCKS, 1..50),
        ) {
            let mut map = BlockMap::default();
            let mut list = vec![Held::Below; BLOCKS as usize];
            for (first, count, held) in sets {
                let count = count.min(BLOCKS - first);
                map.set(first, count, held);
                list[first as usize..(first + count) as usize].fill(held);
            }
            for start in starts {
                let rest = &list[start as usize..];
                let alike = rest.iter().take_while(|held| **held == rest[0]).count() as u64;
                prop_assert_eq!(map.run(start, rest.len() as u64), (rest[0], alike));
                let few = 3.min(rest.len() as u64);
                prop_assert_eq!(map.run(start, few).1, alike.min(few));
            }
            let mut from_runs = vec![Held::Below; BLOCKS as usize];
            for (first, count, held) in map.runs() {
                from_runs[first as usize..first as usize + count as usize].fill(held);
            }
            prop_assert_eq!(from_runs, list);
        }
    }
}
