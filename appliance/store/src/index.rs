//! Digest -> place, in memory: 12 bytes a slot, open addressing.
//!
//! A slot keeps 48 bits of the digest, not the digest: whoever finds a place must compare with the
//! whole digest that the segment's entries have there. That keeps the table small (at most
//! [`MAX_BYTES_PER_RECORD`] a record) at the price of one false candidate in 2^48 probes. The
//! table is split into shards that are locked and grown one by one, so that growing never doubles
//! the whole of it and workers do not queue. It goes to a checkpoint and comes from there shard by
//! shard too, so that there is never a second copy of it. A shard of a checkpoint stays in the
//! bytes that were read until somebody asks for it: the first block of an export needs three or
//! four of them, and taking in all would be half of its time.

mod loading;

use std::sync::{Mutex, MutexGuard, PoisonError};

use model::Digest;

pub(crate) use self::loading::Loading;

/// Where a record lies: its segment and its number within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) segment: u32,
    pub(crate) record: u16,
}

/// Bytes of a slot, in memory and in a checkpoint.
pub(crate) const SLOT_BYTES: usize = 12;

/// Most bytes the index takes for each record, once a shard holds more than a few: a slot over
/// the load that is left after growing.
pub const MAX_BYTES_PER_RECORD: usize = 24;

const SHARDS: usize = 64;
/// Bytes of the number of slots before each shard of a checkpoint.
const COUNT_BYTES: usize = size_of::<u64>();
const FIRST_SLOTS: usize = 4;
/// A shard grows by half when more than four in five slots are taken.
const LOAD: (usize, usize) = (4, 5);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Slot {
    /// Bits 0..32 of the fingerprint.
    low: u32,
    /// Segment; 0 marks an empty slot, as segments are counted from 1.
    segment: u32,
    /// Bits 32..48 of the fingerprint above the record number.
    high_and_record: u32,
}

impl Slot {
    fn new(fingerprint: Fingerprint, place: Place) -> Self {
        Self {
            low: fingerprint.low,
            segment: place.segment,
            high_and_record: u32::from(fingerprint.high) << 16 | u32::from(place.record),
        }
    }

    fn is_empty(self) -> bool {
        self.segment == 0
    }

    fn matches(self, fingerprint: Fingerprint) -> bool {
        self.low == fingerprint.low
            && (self.high_and_record >> 16) as u16 == fingerprint.high
            && !self.is_empty()
    }

    fn place(self) -> Place {
        Place { segment: self.segment, record: self.high_and_record as u16 }
    }

    fn to_bytes(self) -> [u8; SLOT_BYTES] {
        let mut bytes = [0; SLOT_BYTES];
        let words = [self.low, self.segment, self.high_and_record];
        for (to, word) in bytes.chunks_exact_mut(4).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        let mut words = bytes
            .chunks_exact(4)
            .map(|four| four.iter().rev().fold(0u32, |word, byte| word << 8 | u32::from(*byte)));
        let mut next = || words.next().unwrap_or_default();
        Self { low: next(), segment: next(), high_and_record: next() }
    }
}

/// 48 bits of a digest. The bits that choose shard and slot are taken from others.
#[derive(Debug, Clone, Copy)]
struct Fingerprint {
    low: u32,
    high: u16,
}

fn fingerprint(digest: &Digest) -> Fingerprint {
    let [.., a, b, c, d, e, f] = digest.0;
    Fingerprint { low: u32::from_le_bytes([a, b, c, d]), high: u16::from_le_bytes([e, f]) }
}

#[derive(Debug, Default)]
struct Shard {
    slots: Vec<Slot>,
    used: usize,
    /// The slots as a checkpoint has them, while nobody asked for them; `slots` is empty then.
    stored: Option<Vec<u8>>,
}

impl Shard {
    fn bytes(&self) -> usize {
        self.stored.as_ref().map_or(self.slots.len() * SLOT_BYTES, Vec::len)
    }

    fn take_in(&mut self) {
        if let Some(stored) = self.stored.take() {
            self.slots = stored.chunks_exact(SLOT_BYTES).map(Slot::from_bytes).collect();
            self.used = self.slots.iter().filter(|slot| !slot.is_empty()).count();
        }
    }

    /// Slot where the search for a fingerprint begins. Taken from the fingerprint itself, so that
    /// a shard can grow without the digests.
    fn start(&self, fingerprint: Fingerprint) -> usize {
        ((u64::from(fingerprint.low) * self.slots.len() as u64) >> 32) as usize
    }

    fn probe(&self, fingerprint: Fingerprint) -> impl Iterator<Item = (usize, Slot)> {
        let start = self.start(fingerprint);
        let (before, after) = self.slots.split_at(start.min(self.slots.len()));
        let tail = after.iter().enumerate().map(move |(at, slot)| (start + at, *slot));
        tail.chain(before.iter().enumerate().map(|(at, slot)| (at, *slot)))
            .take_while(|(_, slot)| !slot.is_empty())
    }

    fn set(&mut self, fingerprint: Fingerprint, place: Place) {
        if (self.used + 1) * LOAD.1 > self.slots.len() * LOAD.0 {
            self.grow();
        }
        self.place_new(Slot::new(fingerprint, place));
    }

    fn grow(&mut self) {
        let larger = (self.slots.len() * 3 / 2).max(FIRST_SLOTS);
        let old = std::mem::replace(&mut self.slots, vec![Slot::default(); larger]);
        self.used = 0;
        old.into_iter().filter(|slot| !slot.is_empty()).for_each(|slot| self.place_new(slot));
    }

    fn place_new(&mut self, slot: Slot) {
        let fingerprint = Fingerprint { low: slot.low, high: (slot.high_and_record >> 16) as u16 };
        let start = self.start(fingerprint);
        let (before, after) = self.slots.split_at_mut(start);
        if let Some(empty) = after.iter_mut().chain(before).find(|slot| slot.is_empty()) {
            *empty = slot;
            self.used += 1;
        }
    }
}

/// The table. Shared by all workers.
#[derive(Debug)]
pub(crate) struct Index {
    shards: Vec<Mutex<Shard>>,
}

impl Default for Index {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }
}

impl Index {
    /// Adds a place for a digest, once. Several places for one digest are allowed.
    pub(crate) fn insert(&self, digest: &Digest, place: Place) {
        let Some(mut shard) = self.shard(digest) else { return };
        let slot = Slot::new(fingerprint(digest), place);
        if shard.probe(fingerprint(digest)).all(|(_, known)| known != slot) {
            shard.set(fingerprint(digest), place);
        }
    }

    /// Forgets a place. Builds one shard anew: for what hardly ever happens.
    pub(crate) fn remove(&self, digest: &Digest, place: Place) {
        let Some(mut shard) = self.shard(digest) else { return };
        let gone = Slot::new(fingerprint(digest), place);
        let size = shard.slots.len();
        let old = std::mem::replace(&mut shard.slots, vec![Slot::default(); size]);
        shard.used = 0;
        let kept = old.into_iter().filter(|slot| !slot.is_empty() && *slot != gone);
        kept.for_each(|slot| shard.place_new(slot));
    }

    /// Forgets all places but those that are in these segments. Builds all shards anew.
    pub(crate) fn retain(&self, keep: impl Fn(u32) -> bool) {
        for shard in &self.shards {
            let mut shard = lock(shard);
            shard.take_in();
            let size = shard.slots.len();
            let old = std::mem::replace(&mut shard.slots, vec![Slot::default(); size]);
            shard.used = 0;
            let kept =
                old.into_iter().filter(|slot| !slot.is_empty() && keep(slot.place().segment));
            kept.for_each(|slot| shard.place_new(slot));
        }
    }

    /// Places that may hold the record; nearly always none or one.
    pub(crate) fn candidates(&self, digest: &Digest) -> Candidates {
        let mut found = Candidates::default();
        if let Some(shard) = self.shard(digest) {
            let fingerprint = fingerprint(digest);
            for (_, slot) in shard.probe(fingerprint) {
                if slot.matches(fingerprint) {
                    found.push(slot.place());
                }
            }
        }
        found
    }

    /// Bytes of memory that the table takes.
    pub(crate) fn bytes(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).bytes()).sum()
    }

    /// The table for a checkpoint, in pieces of one shard: the number of its slots (u64), then
    /// the slots. Each is as it stands when its turn comes.
    pub(crate) fn dump(&self) -> impl Iterator<Item = Vec<u8>> {
        self.shards.iter().map(|shard| {
            let shard = lock(shard);
            let mut bytes = Vec::with_capacity(shard.bytes() + COUNT_BYTES);
            bytes.extend_from_slice(&((shard.bytes() / SLOT_BYTES) as u64).to_le_bytes());
            match &shard.stored {
                Some(stored) => bytes.extend_from_slice(stored),
                None => shard.slots.iter().for_each(|slot| bytes.extend(slot.to_bytes())),
            }
            bytes
        })
    }

    /// Bytes that [`dump`](Self::dump) gives if nothing is added.
    pub(crate) fn dump_bytes(&self) -> usize {
        self.bytes() + SHARDS * COUNT_BYTES
    }

    fn shard(&self, digest: &Digest) -> Option<MutexGuard<'_, Shard>> {
        let mut shard = lock(self.shards.get(digest.prefix() as usize % SHARDS)?);
        shard.take_in();
        Some(shard)
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A few places without an allocation for the usual one.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    first: Option<Place>,
    more: Vec<Place>,
}

impl Candidates {
    fn push(&mut self, place: Place) {
        match self.first {
            None => self.first = Some(place),
            Some(_) => self.more.push(place),
        }
    }
}

impl IntoIterator for Candidates {
    type Item = Place;
    type IntoIter = std::iter::Chain<std::option::IntoIter<Place>, std::vec::IntoIter<Place>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Index {
        fn len(&self) -> usize {
            let used = |shard: &Mutex<Shard>| {
                let mut shard = lock(shard);
                shard.take_in();
                shard.used
            };
            self.shards.iter().map(used).sum()
        }
    }

    fn dump(index: &Index) -> Vec<u8> {
        index.dump().collect::<Vec<_>>().concat()
    }

    /// Takes a table in from pieces of so many bytes.
    fn load(dump: &[u8], piece: usize) -> Option<Index> {
        let mut loading = Loading::new(dump.len());
        dump.chunks(piece).try_for_each(|piece| loading.push(piece))?;
        loading.finish()
    }

    fn digest(number: u64) -> Digest {
        Digest(*blake3::hash(&number.to_le_bytes()).as_bytes())
    }

    fn place(number: u64) -> Place {
        Place { segment: number as u32 / 400 + 1, record: (number % 400) as u16 }
    }

    #[test]
    fn every_record_is_found_again_also_after_a_checkpoint() {
        let index = Index::default();
        (0..100_000).for_each(|number| index.insert(&digest(number), place(number)));
        let whole = load(&dump(&index), usize::MAX).unwrap();
        let pieces = load(&dump(&index), 1001).unwrap();
        assert_eq!(index.dump_bytes(), dump(&index).len());
        for loaded in [&whole, &pieces] {
            assert_eq!((loaded.bytes(), dump(loaded)), (index.bytes(), dump(&index)));
        }
        for index in [&index, &whole, &pieces] {
            assert_eq!(index.len(), 100_000);
            for number in 0..100_000 {
                let found: Vec<_> = index.candidates(&digest(number)).into_iter().collect();
                assert_eq!(found, [place(number)]);
            }
            let absent =
                (100_000..200_000).filter(|n| index.candidates(&digest(*n)).first.is_some());
            assert_eq!(absent.count(), 0, "48 bits do not meet by chance here");
        }
    }

    #[test]
    fn memory_for_each_record_stays_within_the_stated_bound() {
        let index = Index::default();
        for number in 0..200_000 {
            index.insert(&digest(number), place(number));
            if number > 20_000 && number % 1000 == 0 {
                assert!(index.bytes() <= MAX_BYTES_PER_RECORD * index.len());
            }
        }
    }

    #[test]
    fn a_place_is_kept_once_and_several_places_of_a_digest_all() {
        let index = Index::default();
        for place in [place(1), place(2), place(1)] {
            index.insert(&digest(0), place);
        }
        let found: Vec<_> = index.candidates(&digest(0)).into_iter().collect();
        assert_eq!(found, [place(1), place(2)]);
    }

    #[test]
    fn a_forgotten_place_is_gone_and_no_other() {
        let index = Index::default();
        (0..5000).for_each(|number| index.insert(&digest(number), place(number)));
        (0..5000).step_by(7).for_each(|number| index.remove(&digest(number), place(number)));
        for number in 0..5000 {
            let found: Vec<_> = index.candidates(&digest(number)).into_iter().collect();
            let expected = if number % 7 == 0 { vec![] } else { vec![place(number)] };
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_dump_that_was_cut_is_refused_also_to_nothing() {
        assert!(load(&[], 1).is_none(), "it would hide every record");
        assert_eq!(load(&dump(&Index::default()), 3).unwrap().len(), 0);
        let index = Index::default();
        (0..100).for_each(|number| index.insert(&digest(number), place(number)));
        let dump = dump(&index);
        for piece in [7, usize::MAX] {
            assert!(load(&dump, piece).is_some());
            assert!(load(&dump[..dump.len() - 1], piece).is_none());
            assert!(load(&dump[..40], piece).is_none());
            assert!(load(&[&dump[..], &[0]].concat(), piece).is_none(), "something follows");
        }
    }
}
