//! Checkpoints. Only a hash in the superblock protects them, so the reader of their bytes sees
//! whatever the writer of that hash wanted.

use disk::sim::SimRng;
use format::checkpoint::{
    Checkpoint, CheckpointHead, CheckpointPlace, PartPlace, decode_first_part, encode_first_part,
};
use format::layout::Fixed;
use model::{Epoch, SegmentId, Sequence};

use crate::make::{POOL, group, list};
use crate::mutate::{field, in_place, mutate, random};
use crate::target::Reader;

/// Input: a first part with the whole body behind.
pub(crate) struct Checkpoints;

impl Reader for Checkpoints {
    fn input(&mut self, rng: &mut SimRng) -> Vec<u8> {
        let checkpoint = Checkpoint {
            next_segment: SegmentId(rng.next_u64()),
            segments: list(rng, 6),
            groups: (0..rng.below(4)).map(|_| group(rng)).collect(),
            index: random(rng, 500).into(),
            catalog: random(rng, 500).into(),
        };
        let place = CheckpointPlace {
            pool_id: POOL,
            generation: rng.next_u64(),
            epoch: Epoch(rng.next_u64()),
            replay_sequence: Sequence(rng.next_u64()),
        };
        let (parts, body): (Vec<PartPlace>, _) = (list(rng, 3), checkpoint.encode_body());
        let head = checkpoint.head(&place, parts.len(), body.len());
        let mut bytes = encode_first_part(&head, &parts, &body);
        match rng.below(4) {
            0 => mutate(rng, &mut bytes),
            1 => in_place(rng, &mut bytes),
            2 => in_place(rng, &mut bytes[..CheckpointHead::SIZE]),
            _ => field(rng, &CheckpointHead::TABLE, &mut bytes),
        }
        bytes
    }

    fn read(&mut self, input: &[u8]) {
        let Ok((head, parts, body)) = decode_first_part(input, POOL) else { return };
        assert_eq!(parts.len(), head.parts as usize);
        assert_eq!(encode_first_part(&head, &parts, body), input, "encoded again");
        if let Ok(checkpoint) = Checkpoint::decode_body(&head, body) {
            assert_eq!(checkpoint.encode_body(), body, "encoded again");
        }
    }
}
