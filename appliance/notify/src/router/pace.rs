//! Not more messages an hour than a channel takes.
//!
//! One fewer than that go by themselves. What comes then is collected for a minute and goes as one
//! digest in the last place; the next digest waits until an hour has passed for an earlier message.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::notice::{Notice, Reason};

const HOUR: i64 = 3600;

/// So long is collected before a digest, in seconds.
const COLLECT: i64 = 60;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pace {
    /// When messages of the last hour went.
    sent: VecDeque<i64>,
    waiting: Option<Notice>,
    /// Since when there is something waiting.
    since: i64,
}

impl Pace {
    /// Gives a notice back if it may go by itself.
    pub(super) fn offer(&mut self, notice: Notice, per_hour: usize, now: i64) -> Option<Notice> {
        self.count(now);
        match &mut self.waiting {
            Some(waiting) => waiting.add(notice),
            None if self.sent.len() + 1 < per_hour => {
                self.sent.push_back(now);
                return Some(notice);
            }
            None => {
                self.waiting = Some(notice);
                self.since = now;
            }
        }
        None
    }

    /// What was collected, when it may go.
    pub(super) fn digest(&mut self, per_hour: usize, now: i64) -> Option<Notice> {
        self.count(now);
        if self.sent.len() >= per_hour || now - self.since < COLLECT {
            return None;
        }
        let digest = Notice::many(Reason::Flood, vec![self.waiting.take()?])?;
        self.sent.push_back(now);
        Some(digest)
    }

    /// Forgets messages of more than an hour ago, also when the clock went back.
    fn count(&mut self, now: i64) {
        self.sent.iter_mut().for_each(|at| *at = (*at).min(now));
        self.since = self.since.min(now);
        while self.sent.front().is_some_and(|at| now - at >= HOUR) {
            self.sent.pop_front();
        }
    }
}
