//! Valid values made of random parts, for the encoders.

use disk::sim::SimRng;
use format::geometry::Geometry;
use format::layout::Fixed;
use format::log::{EntryGroup, GroupHeader};
use format::segment::MAX_RECORDS;
use model::{BLOCK, BLOCK_U64, PoolId};

/// The pool of all inputs.
pub(crate) const POOL: PoolId = PoolId([7; 16]);

/// `length` random bytes.
pub(crate) fn bytes(rng: &mut SimRng, length: usize) -> Vec<u8> {
    (0..length).map(|_| rng.next_u64() as u8).collect()
}

/// Any value of a structure: every pattern of its bytes is one.
pub(crate) fn fixed<T: Fixed>(rng: &mut SimRng) -> T {
    T::load(&bytes(rng, T::SIZE))
}

/// Up to `most` values of a structure.
pub(crate) fn list<T: Fixed>(rng: &mut SimRng, most: u64) -> Vec<T> {
    (0..rng.below(most + 1)).map(|_| fixed(rng)).collect()
}

/// Bytes between all the same and all random: what compresses, by how much nobody knows.
pub(crate) fn content(rng: &mut SimRng, length: usize) -> Vec<u8> {
    let most = rng.below(255) + 1;
    let period = rng.below(length as u64 + 1) as usize;
    let mut content: Vec<u8> = Vec::with_capacity(length);
    for at in 0..length {
        let again = at.checked_sub(period + 1).map(|before| content[before]);
        content.push(again.unwrap_or((rng.next_u64() % most) as u8));
    }
    content
}

pub(crate) fn geometry(rng: &mut SimRng) -> Geometry {
    let (segment, log) = (8 + rng.below(57), 16 + rng.below(300));
    let blocks = 64 + 2 * log + (6 + rng.below(3000)) * segment + rng.below(8);
    let segment_bytes = segment as u32 * BLOCK as u32;
    Geometry::new(blocks * BLOCK_U64, log * BLOCK_U64, segment_bytes).expect("it has room")
}

/// Records of one segment, as a commit and a checkpoint hold them.
pub(crate) fn group(rng: &mut SimRng) -> EntryGroup {
    let entries = list(rng, 12);
    let count = entries.len() as u32;
    let first_record = rng.below(u64::from(MAX_RECORDS - count)) as u32;
    EntryGroup { header: GroupHeader { first_record, count, ..fixed(rng) }, entries }
}
