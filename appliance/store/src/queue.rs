//! Events that wait for a commit: callers that come together share one.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use model::Sequence;

use crate::Result;

/// What became of a round. Empty until it is over.
pub(crate) type Outcome = Arc<OnceLock<Result<Sequence>>>;

/// The events of callers that share a commit.
#[derive(Debug, Default)]
pub(crate) struct Round {
    pub(crate) events: Vec<Vec<u8>>,
    pub(crate) outcome: Outcome,
    bytes: usize,
}

/// Rounds that no commit has taken yet, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: VecDeque<Round>,
}

impl Queue {
    /// Adds the events of one caller to the newest round, or to another when that would hold more
    /// than `limit` bytes.
    pub(crate) fn join(&mut self, events: Vec<Vec<u8>>, limit: usize) -> Outcome {
        let bytes = event_bytes(&events);
        let room = self.waiting.back().is_some_and(|round| round.bytes + bytes <= limit);
        if !room {
            self.waiting.push_back(Round::default());
        }
        let Some(round) = self.waiting.back_mut() else { return Outcome::default() };
        round.bytes += bytes;
        round.events.extend(events);
        round.outcome.clone()
    }

    /// The round that is to be committed next.
    pub(crate) fn take(&mut self) -> Option<Round> {
        self.waiting.pop_front()
    }
}

/// Log bytes that events need.
pub(crate) fn event_bytes(events: &[Vec<u8>]) -> usize {
    events.iter().map(|event| 8 + event.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_share_a_round_as_long_as_it_has_room() {
        let mut queue = Queue::default();
        let outcomes = [0, 30, 60, 0].map(|bytes| queue.join(vec![vec![0; bytes]], 64));
        assert!(Arc::ptr_eq(&outcomes[0], &outcomes[1]));
        assert!(!Arc::ptr_eq(&outcomes[1], &outcomes[2]), "68 bytes are too many");
        let rounds: Vec<_> = std::iter::from_fn(|| queue.take()).collect();
        assert_eq!(rounds.iter().map(|round| round.events.len()).collect::<Vec<_>>(), [2, 1, 1]);
    }
}
