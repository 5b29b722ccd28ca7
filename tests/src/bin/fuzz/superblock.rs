//! Superblocks: four of them are all that a disk says about itself.

use disk::sim::SimRng;
use format::geometry::{CELL_BYTES, Geometry, SUPERBLOCK_SLOTS};
use format::layout::Fixed;
use format::superblock::Superblock;

use crate::make::{POOL, fixed, geometry};
use crate::mutate::{field, in_place, mutate};
use crate::sign::sign;
use crate::target::Reader;

/// Input: the slot, then the block.
pub(crate) struct Superblocks;

impl Reader for Superblocks {
    fn input(&mut self, rng: &mut SimRng) -> Vec<u8> {
        let slot = rng.below(SUPERBLOCK_SLOTS.into()) as u8;
        let member_count = 1 + rng.below(4) as u8;
        let superblock = Superblock {
            member_count,
            member: rng.below(member_count.into()) as u8,
            incompat: 0,
            ..described(fixed(rng), &geometry(rng))
        };
        let mut block = superblock.encode(slot).to_vec();
        match rng.below(4) {
            0 => mutate(rng, &mut block),
            1 => in_place(rng, &mut block[..Superblock::SIZE]),
            _ => field(rng, &Superblock::TABLE, &mut block),
        }
        if rng.below(4) > 0 {
            sign(&mut block, Superblock::SIZE - 32);
        }
        block.insert(0, slot);
        block
    }

    fn read(&mut self, input: &[u8]) {
        let Some((slot, block)) = input.split_first() else { return };
        let Ok(superblock) = Superblock::decode(block, *slot) else { return };
        let again = superblock.encode(*slot);
        assert_eq!(again[..Superblock::SIZE], block[..Superblock::SIZE], "encoded again");
        assert_eq!(Superblock::decode(&again, *slot), Ok(superblock));
        assert_eq!(superblock.member_list().len(), usize::from(superblock.member_count));
        everything_has_its_place(&superblock);
    }
}

/// `any` with the constant fields and sizes of a writer.
fn described(any: Superblock, geometry: &Geometry) -> Superblock {
    let Superblock { magic, version, disk_bytes, log_bytes, segment_bytes, .. } =
        Superblock::new(POOL, any.disk_id, geometry);
    Superblock { magic, version, disk_bytes, log_bytes, segment_bytes, ..any }
}

fn everything_has_its_place(superblock: &Superblock) {
    let Superblock { disk_bytes, log_bytes, segment_bytes, .. } = *superblock;
    let geometry = Geometry::new(disk_bytes, log_bytes, segment_bytes).expect("checked");
    let keys_end = geometry.key_offset(3) + CELL_BYTES;
    let last = geometry.slot_offset(geometry.segment_slots() - 1);
    assert!(last + u64::from(segment_bytes) <= geometry.log_offset(1), "segments end at the log");
    assert_eq!(geometry.log_offset(1) + log_bytes, geometry.superblock_offset(2));
    assert_eq!(keys_end, disk_bytes);
}
