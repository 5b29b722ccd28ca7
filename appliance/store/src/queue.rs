//! Events that wait for a commit: callers that come together share one.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use format::layout::Fixed;
use format::log::{CopiedSegment, ReleasedSegment, RetiredSegment};
use model::Sequence;

use crate::Result;

/// What became of a round. Empty until it is over.
pub(crate) type Outcome = Arc<OnceLock<Result<Sequence>>>;

/// What a commit changes besides new records: in its last log record, all or nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changes {
    pub(crate) events: Vec<Vec<u8>>,
    pub(crate) retired: Vec<RetiredSegment>,
    pub(crate) released: Vec<ReleasedSegment>,
    pub(crate) copied: Vec<CopiedSegment>,
}

impl Changes {
    /// Log bytes that they need.
    pub(crate) fn bytes(&self) -> usize {
        event_bytes(&self.events)
            + self.retired.len() * (8 + RetiredSegment::SIZE)
            + self.released.len() * (8 + ReleasedSegment::SIZE)
            + self.copied.len() * (8 + CopiedSegment::SIZE)
    }

    fn add(&mut self, more: Self) {
        self.events.extend(more.events);
        self.retired.extend(more.retired);
        self.released.extend(more.released);
        self.copied.extend(more.copied);
    }
}

/// The changes of callers that share a commit.
#[derive(Debug, Default)]
pub(crate) struct Round {
    pub(crate) changes: Changes,
    pub(crate) outcome: Outcome,
    bytes: usize,
}

/// Rounds that no commit has taken yet, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: VecDeque<Round>,
}

impl Queue {
    /// Adds the changes of one caller to the newest round, or to another when that would hold more
    /// than `limit` bytes.
    pub(crate) fn join(&mut self, changes: Changes, limit: usize) -> Outcome {
        let bytes = changes.bytes();
        let room = self.waiting.back().is_some_and(|round| round.bytes + bytes <= limit);
        if !room {
            self.waiting.push_back(Round::default());
        }
        let Some(round) = self.waiting.back_mut() else { return Outcome::default() };
        round.bytes += bytes;
        round.changes.add(changes);
        round.outcome.clone()
    }

    /// The round that is to be committed next.
    pub(crate) fn take(&mut self) -> Option<Round> {
        self.waiting.pop_front()
    }
}

fn event_bytes(events: &[Vec<u8>]) -> usize {
    events.iter().map(|event| 8 + event.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_share_a_round_as_long_as_it_has_room() {
        let mut queue = Queue::default();
        let outcomes = [0, 30, 60, 0].map(|bytes| {
            queue.join(Changes { events: vec![vec![0; bytes]], ..Changes::default() }, 64)
        });
        assert!(Arc::ptr_eq(&outcomes[0], &outcomes[1]));
        assert!(!Arc::ptr_eq(&outcomes[1], &outcomes[2]), "68 bytes are too many");
        let rounds: Vec<_> = std::iter::from_fn(|| queue.take()).collect();
        assert_eq!(
            rounds.iter().map(|round| round.changes.events.len()).collect::<Vec<_>>(),
            [2, 1, 1]
        );
    }
}
