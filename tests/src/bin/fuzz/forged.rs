//! Pools whose structures say something else and are signed for it: what somebody with the disks
//! but no keys could do. The store cannot tell such contents from its own (the seal can), so
//! nothing is asked of them; but it must not panic, hang, or take memory because a number says so.

use disk::sim::{SimMachine, SimRng};
use format::checkpoint::CheckpointHead;
use format::geometry::SUPERBLOCK_SLOTS;
use format::layout::Fixed;
use format::log::LogHeader;
use format::superblock::Superblock;
use model::BLOCK;
use store::OpenOptions;

use crate::log::sign_record;
use crate::mutate::{field, in_place};
use crate::small_pool::{
    Record, SmallPool, block_on, event, geometry, open, peek, poke, writer_keys,
};
use crate::target::Reader;

/// Input: which pool, how to open it (two bits), then the seed of the forger, 8 bytes.
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
        let seed = rng.next_u64().to_le_bytes();
        [&[rng.next_u64() as u8, rng.below(4) as u8][..], &seed].concat()
    }

    fn read(&mut self, input: &[u8]) {
        let Some((pool, machine, options)) = self.forge(input) else { return };
        block_on(use_all(&machine, pool, options));
        block_on(use_all(&machine, pool, options));
    }
}

impl Pools {
    fn forge(&self, input: &[u8]) -> Option<(&SmallPool, SimMachine, OpenOptions)> {
        let ([which, how], seed) = input.split_first_chunk::<2>()?;
        let mut rng = SimRng::new(u64::from_le_bytes(*seed.first_chunk()?));
        let pool = &self.pools[usize::from(*which) % self.pools.len()];
        let machine = pool.machine.restarted();
        for _ in 0..1 + rng.below(2) {
            match rng.below(3) {
                0 => forge_superblocks(&mut rng, &machine),
                1 => forge_checkpoint(&mut rng, &machine),
                _ => forge_log(&mut rng, &machine),
            }
        }
        let options = OpenOptions { read_only: how & 1 != 0, allow_missing: how & 2 != 0 };
        Some((pool, machine, options))
    }
}

/// Does everything to a pool that can be done, whatever comes of it.
async fn use_all(machine: &SimMachine, pool: &SmallPool, options: OpenOptions) {
    let Ok((opened, _)) = open(machine, options).await else { return };
    let store = opened.store;
    for record in &pool.records {
        let _ = record.read(&store).await;
        let _ = store.contains(&record.digest).await;
    }
    let digests: Vec<_> = pool.records.iter().map(|record| record.digest).collect();
    let _ = store.read_batch(&digests, |_, view| view.ref_list().len() < BLOCK).await;
    let _ = (store.status(), store.keys().await);
    let mut rng = SimRng::new(0xadd);
    let mut writer = store.writer(writer_keys(1));
    for number in 0..6 {
        let _ = Record::random(&mut rng).append(&mut writer).await;
        let _ = store.commit(vec![event(number)]).await;
    }
    let _ = (store.settle().await, store.status());
    let _ = store.close().await;
}

/// Changes every superblock that is valid, on every disk.
fn each_superblock(machine: &SimMachine, mut change: impl FnMut(usize, &mut Superblock)) {
    for disk in 0..machine.disks().len() {
        for slot in 0..SUPERBLOCK_SLOTS {
            let at = geometry().superblock_offset(slot);
            if let Ok(mut superblock) = Superblock::decode(&peek(machine, disk, at, BLOCK), slot) {
                change(disk, &mut superblock);
                poke(machine, disk, at, &superblock.encode(slot));
            }
        }
    }
}

/// The same lie in all of them, except where each disk has its own truth.
fn forge_superblocks(rng: &mut SimRng, machine: &SimMachine) {
    let lie = rng.clone();
    each_superblock(machine, |_, superblock| {
        let mut bytes = [0; Superblock::SIZE];
        superblock.save(&mut bytes);
        let mut rng = lie.clone();
        match rng.below(4) {
            // Behind the magic, the version and the flags that only refuse.
            0 => in_place(&mut rng, &mut bytes[96..]),
            _ => field(&mut rng, &Superblock::TABLE, &mut bytes),
        }
        let forged = Superblock::load(&bytes);
        let Superblock { magic, version, pool_id, disk_id, .. } = *superblock;
        *superblock = Superblock { magic, version, pool_id, disk_id, ..forged };
    });
    rng.next_u64();
}

/// Changes the newest checkpoint, the same on every disk.
fn forge_checkpoint(rng: &mut SimRng, machine: &SimMachine) {
    let mut newest: Option<Superblock> = None;
    let mut slots = [None; 2];
    each_superblock(machine, |disk, superblock| {
        if newest.is_none_or(|newest| newest.generation <= superblock.generation) {
            newest = Some(*superblock);
            slots[disk] = Some(superblock.checkpoint_slot);
        }
    });
    let Some(newest) = newest else { return };
    let held = slots.iter().enumerate().filter_map(|(disk, slot)| Some((disk, (*slot)?)));
    let held: Vec<(usize, u32)> =
        held.filter(|(_, slot)| *slot < geometry().segment_slots()).collect();
    let length = newest.checkpoint_bytes.min(geometry().segment_bytes()) as usize;
    let Some((disk, slot)) = held.first().filter(|_| length > 0) else { return };
    let mut part = peek(machine, *disk, geometry().slot_offset(*slot), length);
    match rng.below(3) {
        0 => field(rng, &CheckpointHead::TABLE, &mut part),
        _ => in_place(rng, &mut part),
    }
    for (disk, slot) in held {
        poke(machine, disk, geometry().slot_offset(slot), &part);
    }
    each_superblock(machine, |_, superblock| {
        if superblock.generation == newest.generation {
            superblock.checkpoint_hash = *blake3::hash(&part).as_bytes();
        }
    });
}

/// Changes one record of the log in all copies.
fn forge_log(rng: &mut SimRng, machine: &SimMachine) {
    let ring = geometry().log_bytes();
    let records: Vec<u64> = (0..ring)
        .step_by(BLOCK)
        .filter(|at| peek(machine, 0, geometry().log_offset(0) + at, 8) == *b"HFLOGREC")
        .collect();
    let Some(at) = records.get(rng.below(records.len() as u64) as usize) else { return };
    let head = peek(machine, 0, geometry().log_offset(0) + at, LogHeader::SIZE);
    let length = (LogHeader::load(&head).record_bytes() as u64).min(ring - at);
    let mut record = peek(machine, 0, geometry().log_offset(0) + at, length as usize);
    match rng.below(3) {
        0 => field(rng, &LogHeader::TABLE, &mut record),
        _ => in_place(rng, &mut record[LogHeader::SIZE..]),
    }
    sign_record(&mut record);
    for disk in 0..machine.disks().len() {
        for copy in 0..2 {
            poke(machine, disk, geometry().log_offset(copy) + at, &record);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forged_pools_are_believed_often_enough() {
        let mut pools = Pools::new();
        let runs = (0..100).filter(|run| {
            let input = pools.input(&mut SimRng::new(*run));
            let (_, machine, options) = pools.forge(&input).unwrap();
            block_on(open(&machine, options)).is_ok()
        });
        let opened = runs.count();
        assert!((20..95).contains(&opened), "{opened} of 100 open");
    }
}
