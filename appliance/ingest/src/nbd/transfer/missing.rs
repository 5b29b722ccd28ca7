//! Which bytes of a request have not come yet.

use std::ops::Range;

use super::super::wire::Violation;

/// Gaps in what came of one request. Servers answer in order and so leave one; more only come of
/// replies out of order, and a thousand of nothing but ill will.
const MAX_GAPS: usize = 1024;

/// Ranges of a buffer, in order, that were asked for and have not come.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Missing(Vec<Range<usize>>);

impl Missing {
    pub(super) fn all(range: Range<usize>) -> Self {
        Self(if range.is_empty() { Vec::new() } else { vec![range] })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes that a range, which is not empty, is about to come; all of it must be missing.
    pub(super) fn take(&mut self, part: &Range<usize>) -> Result<(), Violation> {
        let holds = |gap: &Range<usize>| gap.start <= part.start && part.end <= gap.end;
        let place = self.0.iter().position(holds).ok_or(Violation::Unasked)?;
        let gap = self.0.remove(place);
        let rest = [gap.start..part.start, part.end..gap.end];
        self.0.splice(place..place, rest.into_iter().filter(|gap| !gap.is_empty()));
        match self.0.len() > MAX_GAPS {
            true => Err(Violation::Scattered { limit: MAX_GAPS }),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_byte_comes_once(parts in prop::collection::vec((0usize..64, 1usize..16), 0..40)) {
            let mut missing = Missing::all(8..56);
            let mut model: Vec<bool> = (0..80).map(|at| (8..56).contains(&at)).collect();
            for (start, length) in parts {
                let part = start..start + length;
                let asked = model[part.clone()].iter().all(|missing| *missing);
                prop_assert_eq!(missing.take(&part).is_ok(), asked);
                if asked {
                    model[part].fill(false);
                }
                prop_assert_eq!(missing.is_empty(), !model.contains(&true));
            }
        }
    }

    #[test]
    fn a_reply_in_crumbs_is_refused() {
        let mut missing = Missing::all(0..1 << 20);
        let crumbs = (0..=MAX_GAPS).try_for_each(|at| missing.take(&(2 * at + 1..2 * at + 2)));
        assert_eq!(crumbs, Err(Violation::Scattered { limit: MAX_GAPS }));
    }
}
