//! What changed against the same range of the parent recovery point, in 4 KiB blocks: scattered
//! writes then cost their own size instead of that of the chunks around them.

/// Neighbouring blocks that all changed or all stayed the same; never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Counted from the start of the range.
    pub start_block: u32,
    pub blocks: u32,
    pub changed: bool,
}

/// Runs of a range, given for each of its blocks whether it changed. They cover the range in order
/// and alternate.
///
/// None if more than half of the blocks changed, or more than `max_runs` runs would be needed:
/// storing the whole range anew is then better than pieces, which every read would pay for.
pub fn runs(changed: &[bool], max_runs: usize) -> Option<Vec<Run>> {
    let mut runs: Vec<Run> = Vec::new();
    let mut changed_blocks = 0;
    for (start_block, &changed) in (0..).zip(changed) {
        changed_blocks += usize::from(changed);
        let full = runs.len() == max_runs;
        match runs.last_mut() {
            Some(run) if run.changed == changed => run.blocks += 1,
            _ if full => return None,
            _ => runs.push(Run { start_block, blocks: 1, changed }),
        }
    }
    (changed_blocks <= changed.len() / 2).then_some(runs)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn runs_say_again_which_blocks_changed(
            changed in proptest::collection::vec(proptest::bool::weighted(0.2), 0..200),
            max_runs in 1usize..60,
        ) {
            let many = changed.windows(2).filter(|pair| pair[0] != pair[1]).count() + 1;
            let half = changed.iter().filter(|changed| **changed).count() > changed.len() / 2;
            let found = runs(&changed, max_runs);
            prop_assert_eq!(found.is_none(), half || (many > max_runs && !changed.is_empty()));
            let again = found.into_iter().flatten().flat_map(|run| {
                std::iter::repeat_n(run.changed, run.blocks as usize)
            });
            let again: Vec<bool> = again.collect();
            prop_assert!(again.is_empty() || again == changed);
        }
    }

    #[test]
    fn just_half_is_worth_pieces_and_one_more_is_not() {
        let mut changed = vec![false; 16];
        changed[..8].fill(true);
        assert_eq!(runs(&changed, 16).map(|runs| runs.len()), Some(2));
        changed[8] = true;
        assert_eq!(runs(&changed, 16), None);
    }
}
