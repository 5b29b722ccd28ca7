//! Cuts: whatever the content, the pieces are the input again and keep to their bounds.

use chunk::{Cut, MAX_BLOCKS, TagKey, cut, runs};
use disk::sim::SimRng;
use model::BLOCK;

use crate::mutate::mutate;
use crate::target::Reader;

/// Blocks of the longest range: several chunks of the longest kind.
const MOST_BLOCKS: u64 = 300;

/// Input: any bytes; what is left of a whole block is not looked at.
pub(crate) struct Ranges {
    key: TagKey,
}

impl Ranges {
    pub(crate) fn new() -> Self {
        Self { key: TagKey::new(&[3; 32]) }
    }
}

impl Reader for Ranges {
    fn input(&mut self, rng: &mut SimRng) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..rng.below(MOST_BLOCKS) {
            let block = match rng.below(4) {
                0 => vec![0; BLOCK],
                1 => vec![rng.next_u64() as u8; BLOCK],
                2 => rng.next_u64().to_le_bytes().repeat(BLOCK / 8),
                _ => (0..BLOCK / 8).flat_map(|_| rng.next_u64().to_le_bytes()).collect(),
            };
            bytes.extend(block);
        }
        mutate(rng, &mut bytes);
        bytes
    }

    fn read(&mut self, input: &[u8]) {
        let range = &input[..input.len() / BLOCK * BLOCK];
        let mut pieces = cut(range, &self.key);
        let cuts: Vec<Cut> = pieces.by_ref().collect();
        assert_eq!(pieces.into_tags().len() * BLOCK, range.len(), "each block has a tag");
        let mut rest = range;
        for cut in &cuts {
            let (piece, behind) = rest.split_at(cut.bytes());
            let zero = |block: &[u8]| block.iter().all(|byte| *byte == 0);
            match cut {
                Cut::Hole { .. } => assert!(zero(piece)),
                Cut::Data { blocks } => {
                    assert!((1..=MAX_BLOCKS).contains(blocks));
                    assert!(!piece.chunks_exact(BLOCK).any(zero));
                }
            }
            rest = behind;
        }
        assert!(rest.is_empty(), "the pieces are all of it");
        read_runs(&cuts);
    }
}

/// Holes stand in for what did not change.
fn read_runs(cuts: &[Cut]) {
    let changed: Vec<bool> = cuts.iter().map(|cut| matches!(cut, Cut::Data { .. })).collect();
    for most in [0, 1, 7, changed.len()] {
        let Some(runs) = runs(&changed, most) else { continue };
        assert!(runs.len() <= most);
        let again = runs.iter().flat_map(|run| vec![run.changed; run.blocks as usize]);
        assert!(again.eq(changed.iter().copied()), "the runs say which changed");
    }
}
