//! What servers told about data and zeroes, kept for the questions that follow.
//!
//! The workers of a pull ask about neighbouring ranges of a few MiB. One answer about a larger
//! window serves many of them.

use std::collections::VecDeque;
use std::ops::Range;

/// Answers that are kept: one for where the workers are, one for where they go next, and as many
/// for stragglers. An answer has at most 128 Ki ranges, 2 MiB.
const MAX_KEPT: usize = 4;

/// What is known of one window of a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extents {
    window: Range<u64>,
    /// What may hold data, in order.
    data: Vec<Range<u64>>,
}

impl Extents {
    /// `data` lies in the window, in order, without overlaps.
    pub(crate) fn new(window: Range<u64>, data: Vec<Range<u64>>) -> Self {
        Self { window, data }
    }

    /// A window that may hold data anywhere.
    pub(crate) fn unknown(window: Range<u64>) -> Self {
        Self { data: vec![window.clone()], window }
    }

    /// What counts, in order.
    pub(crate) fn data(&self) -> &[Range<u64>] {
        &self.data
    }

    /// Where knowledge ends.
    pub(crate) fn end(&self) -> u64 {
        self.window.end
    }

    /// The first part of `range` inside the window that may hold data.
    pub(crate) fn first(&self, range: Range<u64>) -> Option<Range<u64>> {
        let next = self.data.partition_point(|data| data.end <= range.start);
        let data = self.data.get(next)?;
        let part = data.start.max(range.start)..data.end.min(range.end);
        (!part.is_empty()).then_some(part)
    }
}

/// The last answers.
#[derive(Debug, Default)]
pub(crate) struct Kept(VecDeque<Extents>);

impl Kept {
    pub(crate) fn keep(&mut self, extents: Extents) {
        if self.0.len() == MAX_KEPT {
            self.0.pop_front();
        }
        self.0.push_back(extents);
    }

    /// The answer whose window holds `at`.
    pub(crate) fn holding(&self, at: u64) -> Option<&Extents> {
        self.0.iter().rev().find(|extents| extents.window.contains(&at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_data_of_a_range() {
        let extents = Extents::new(0..100, vec![10..20, 30..40]);
        for (range, data) in [
            (0..100, Some(10..20)),
            (0..10, None),
            (0..11, Some(10..11)),
            (15..100, Some(15..20)),
            (20..100, Some(30..40)),
            (40..100, None),
        ] {
            assert_eq!(extents.first(range.clone()), data, "{range:?}");
        }
    }

    #[test]
    fn old_answers_make_room() {
        let mut kept = Kept::default();
        for at in 0..=MAX_KEPT as u64 {
            kept.keep(Extents::unknown(at * 10..at * 10 + 10));
        }
        assert!(kept.holding(5).is_none());
        assert_eq!(kept.holding(10).map(Extents::end), Some(20));
        assert!(kept.holding(60).is_none());
    }
}
