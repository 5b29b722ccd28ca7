//! Pools with bytes damaged anywhere: errors are allowed, panics and wrong contents are not.
//!
//! A mirror of which one disk is damaged must have everything if it opens at all. A pool opened
//! for writing takes new records, is closed, and is looked at again.

use std::ops::Range;

use disk::sim::{SimMachine, SimRng};
use format::geometry::EDGE_BYTES;
use model::{BLOCK_U64, Digest};
use store::{OpenOptions, Store, StoreError};

use crate::make;
use crate::small_pool::{
    DISK_BYTES, Given, Record, SmallPool, block_on, event, geometry, open, peek, poke, writer_keys,
};
use crate::target::Reader;

/// Bytes of one damage in an input: disk or all copies, kind, value, power of the length, source,
/// target.
const DAMAGE: usize = 12;

/// In place of a disk: both copies of the place, on every disk.
const ALL_COPIES: u8 = 9;

/// Most damages to one pool.
const MOST_DAMAGES: u64 = 48;

/// Longest damage, as a power of two: half a megabyte, the better part of a disk.
const LONGEST: u64 = 19;

/// Input: which pool, how to open it (two bits), then damages.
pub(crate) struct Pools {
    pools: Vec<SmallPool>,
}

impl Pools {
    pub(crate) fn new() -> Self {
        Self { pools: SmallPool::of_each_kind() }
    }
}

impl Reader for Pools {
    fn input(&mut self, rng: &mut SimRng) -> Vec<u8> {
        let mut input = vec![rng.next_u64() as u8, rng.below(4) as u8];
        let one_disk = rng.below(2) == 0;
        let longest = 9 + rng.below(LONGEST - 8);
        for _ in 0..1 + rng.below(MOST_DAMAGES).min(rng.below(MOST_DAMAGES)) {
            let disk = match rng.below(4) {
                _ if one_disk => 0,
                0 => ALL_COPIES,
                _ => rng.below(2) as u8,
            };
            let power = rng.below(longest + 1) as u8;
            input.extend([disk, rng.below(5) as u8, rng.next_u64() as u8, power]);
            let [source, target] = [0; 2].map(|_: u8| place(rng).to_le_bytes());
            input.extend([source, target].concat());
        }
        input
    }

    fn read(&mut self, input: &[u8]) {
        let Some(damaged) = self.damage(input) else { return };
        block_on(async {
            let fresh = damaged.look(&[]).await;
            if !fresh.is_empty() {
                damaged.look(&fresh).await;
            }
        });
    }
}

/// A pool after its damage.
struct Damaged<'a> {
    pool: &'a SmallPool,
    machine: SimMachine,
    options: OpenOptions,
    /// It has two disks of which one is as it was.
    mirrored: bool,
}

impl Pools {
    fn damage(&self, input: &[u8]) -> Option<Damaged<'_>> {
        let ([which, how], damages) = input.split_first_chunk::<2>()?;
        let pool = &self.pools[usize::from(*which) % self.pools.len()];
        let machine = pool.machine.restarted();
        let mut disks_hit = [false; 2];
        for damage in damages.as_chunks::<DAMAGE>().0 {
            for disk in do_damage(&machine, damage) {
                disks_hit[disk] = true;
            }
        }
        let mirrored = machine.disks().len() == 2 && disks_hit != [true; 2];
        let options = OpenOptions { read_only: how & 1 != 0, allow_missing: how & 2 != 0 };
        Some(Damaged { pool, machine, options, mirrored })
    }
}

/// A place on a disk: often near its ends, where what matters most is.
fn place(rng: &mut SimRng) -> u32 {
    let (near, disk) = (rng.below(1 << 18), DISK_BYTES);
    let place = match rng.below(4) {
        0 => near,
        1 => disk - 1 - near,
        _ => rng.below(disk),
    };
    // Structures begin at blocks.
    let place =
        if rng.below(2) == 0 { place / BLOCK_U64 * BLOCK_U64 + rng.below(64) } else { place };
    place as u32
}

/// Does one damage and tells to which disks.
fn do_damage(machine: &SimMachine, damage: &[u8; DAMAGE]) -> Range<usize> {
    let [disk, kind, value, power, places @ ..] = *damage;
    let (source, target) = places.split_at(4);
    let [source, target] = [source, target].map(|place| {
        let place = place.first_chunk().map_or(0, |place| u32::from_le_bytes(*place));
        u64::from(place) % DISK_BYTES
    });
    let length = 1_u64 << (u64::from(power) % (LONGEST + 1));
    let count = machine.disks().len();
    let (disks, targets) = match disk {
        ALL_COPIES => (0..count, vec![target, twin(target)]),
        _ => (usize::from(disk) % count..usize::from(disk) % count + 1, vec![target]),
    };
    for disk in disks.clone() {
        for target in &targets {
            let length = length.min(DISK_BYTES - source.max(*target)) as usize;
            let mut bytes = peek(machine, disk, *target, length);
            match kind {
                0 => bytes[0] ^= 1 << (value % 8),
                1 => bytes.fill(value),
                2 => bytes.fill(0),
                3 => bytes = make::bytes(&mut SimRng::new(value.into()), length),
                _ => bytes = peek(machine, disk, source, length),
            }
            poke(machine, disk, *target, &bytes);
        }
    }
    disks
}

/// Where a disk has the other copy of what it has twice; for other places the place itself.
fn twin(place: u64) -> u64 {
    let geometry = geometry();
    let ring = [geometry.log_offset(0), geometry.log_offset(1)];
    if place < EDGE_BYTES {
        DISK_BYTES - EDGE_BYTES + place
    } else if (ring[0]..ring[0] + geometry.log_bytes()).contains(&place) {
        place - ring[0] + ring[1]
    } else {
        place
    }
}

impl Damaged<'_> {
    /// Opens the pool, checks everything in it and `fresh` too, and writes to it. Returns what was
    /// acknowledged anew.
    async fn look(&self, fresh: &[Record]) -> Vec<Record> {
        let Self { pool, mirrored, .. } = *self;
        let Ok((opened, journal)) = open(&self.machine, self.options).await else {
            return Vec::new();
        };
        let store = opened.store;
        let mut events = journal.numbers();
        events.retain(|number| !FRESH.contains(number));
        assert!(pool.events.starts_with(&events), "{events:?} is no start of {:?}", pool.events);
        assert!(!mirrored || events == pool.events, "a mirror has every event: {events:?}");
        for record in pool.records.iter().chain(fresh) {
            let given = record.read(&store).await;
            assert!(!matches!(given, Ok(Given::Wrong)), "wrong contents");
            assert!(!mirrored || given.is_ok(), "a mirror has every record: {given:?}");
            let _ = store.contains(&record.digest).await;
        }
        read_together(&store, pool).await;
        let _ = (store.status(), store.keys().await);
        let fresh = write(&store).await.unwrap_or_default();
        for record in &fresh {
            let given = record.read(&store).await;
            assert!(matches!(given, Ok(Given::Right)), "just acknowledged: {given:?}");
        }
        let _ = store.close().await;
        fresh
    }
}

/// Numbers of events that are committed to a damaged pool.
const FRESH: Range<u32> = 200..300;

async fn write(store: &Store) -> Result<Vec<Record>, StoreError> {
    let mut rng = SimRng::new(0xadd);
    let mut records = Vec::new();
    let mut writer = store.writer(writer_keys(1));
    for number in FRESH.take(6) {
        let record = Record::random(&mut rng);
        record.append(&mut writer).await?;
        records.push(record);
        store.commit(vec![event(number)]).await?;
    }
    store.settle().await?;
    Ok(records)
}

async fn read_together(store: &Store, pool: &SmallPool) {
    let digests: Vec<Digest> = pool.records.iter().map(|record| record.digest).collect();
    let whole =
        |at: usize, view: store::RecordView<'_>| pool.records[at].is(view.refs, view.payload);
    for some in digests.chunks(7).zip((0..).step_by(7)) {
        let (digests, first) = some;
        let _ = store.read_batch(digests, |at, view| whole(first + at, view)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_pools_are_still_read() {
        let mut pools = Pools::new();
        let runs = (0..100).filter(|run| {
            let input = pools.input(&mut SimRng::new(*run));
            let damaged = pools.damage(&input).unwrap();
            block_on(open(&damaged.machine, damaged.options)).is_ok()
        });
        let opened = runs.count();
        assert!((40..100).contains(&opened), "{opened} of 100 open");
    }
}
