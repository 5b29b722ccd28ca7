//! What changed against the same range of the parent recovery point, in 4 KiB blocks: scattered
//! writes then cost their own size instead of that of the chunks around them.

use model::BLOCK;

/// Neighbouring blocks that all changed or all stayed the same; never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Counted from the start of the range.
    pub start_block: u32,
    pub blocks: u32,
    pub changed: bool,
}

/// Compares a range with the same range of the parent. Runs cover `new` in order and alternate.
/// Blocks of `new` behind the end of `old` count as changed; what `old` has behind the end of
/// `new` does not matter.
///
/// None if more than half of the blocks changed, or more than `max_runs` runs would be needed:
/// storing the whole range anew is then better than pieces, which every read would pay for.
///
/// # Panics
/// If `new` is not whole blocks or longer than 2^32 blocks: the caller's mistake.
pub fn diff(new: &[u8], old: &[u8], max_runs: usize) -> Option<Vec<Run>> {
    let (new, rest) = new.as_chunks::<BLOCK>();
    assert!(rest.is_empty(), "a range is whole blocks");
    assert!(u32::try_from(new.len()).is_ok(), "a range is below 16 TiB");
    let total = new.len() as u32;
    let (old, _) = old.as_chunks::<BLOCK>();
    let mut runs: Vec<Run> = Vec::new();
    let mut changed_blocks = 0;
    for (start_block, new) in (0..total).zip(new) {
        let changed = old.get(start_block as usize) != Some(new);
        changed_blocks += u32::from(changed);
        let full = runs.len() == max_runs;
        match runs.last_mut() {
            Some(run) if run.changed == changed => run.blocks += 1,
            _ if full => return None,
            _ => runs.push(Run { start_block, blocks: 1, changed }),
        }
        if changed_blocks > total / 2 {
            return None;
        }
    }
    Some(runs)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(blocks: &[u8]) -> Vec<u8> {
        blocks.iter().flat_map(|byte| [*byte; BLOCK]).collect()
    }

    /// One entry per block, then neighbours joined.
    fn model(new: &[u8], old: &[u8], max_runs: usize) -> Option<Vec<Run>> {
        let changed: Vec<bool> =
            (0..new.len()).map(|at| at >= old.len() || new[at] != old[at]).collect();
        let mut runs = Vec::new();
        let mut start = 0;
        for same in changed.chunk_by(|a, b| a == b) {
            let blocks = same.len() as u32;
            runs.push(Run { start_block: start, blocks, changed: same[0] });
            start += blocks;
        }
        let count = changed.iter().filter(|changed| **changed).count();
        (2 * count <= new.len() && runs.len() <= max_runs).then_some(runs)
    }

    proptest! {
        #[test]
        fn runs_are_what_a_comparison_block_by_block_gives(
            new in prop::collection::vec(0_u8..3, 0..40),
            edits in prop::collection::vec((0_usize..40, 0_u8..3), 0..20),
            shorter in 0_usize..8,
            max_runs in 0_usize..12,
        ) {
            let mut old = new.clone();
            for (at, byte) in edits {
                if let Some(block) = old.get_mut(at) {
                    *block = byte;
                }
            }
            old.truncate(new.len().saturating_sub(shorter));
            let runs = diff(&range(&new), &range(&old), max_runs);
            prop_assert_eq!(runs, model(&new, &old, max_runs));
        }
    }

    #[test]
    fn one_bit_makes_a_block_changed() {
        let old = vec![0; 8 * BLOCK];
        let mut new = old.clone();
        new[3 * BLOCK + 4095] = 1;
        let runs = diff(&new, &old, 3).unwrap();
        assert_eq!(runs[1], Run { start_block: 3, blocks: 1, changed: true });
        assert_eq!(diff(&new, &old, 2), None);
    }

    #[test]
    fn just_half_is_worth_pieces_and_one_more_is_not() {
        assert!(diff(&range(&[1, 1, 0, 0]), &range(&[0, 0, 0, 0]), 9).is_some());
        assert!(diff(&range(&[1, 1, 1, 0]), &range(&[0, 0, 0, 0]), 9).is_none());
    }
}
