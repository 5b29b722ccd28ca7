//! When a job that failed is tried again.

use model::Span;
use serde::{Deserialize, Serialize};

/// What a client's plan says of it, as it is kept with each job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Retry {
    /// Retries after the first attempt.
    pub(crate) retries: u16,
    /// Seconds from the first failure to the second attempt; from then on twice as long each time.
    pub(crate) pause: u64,
    /// Seconds from the first failure in which the last attempt begins.
    pub(crate) window: u64,
    /// Failures in a row after which a person is to know.
    pub(crate) escalate_after: u16,
}

impl Default for Retry {
    fn default() -> Self {
        Self { retries: 2, pause: 60, window: 4 * 3600, escalate_after: 2 }
    }
}

impl From<&plan::Retry> for Retry {
    fn from(retry: &plan::Retry) -> Self {
        Self {
            retries: retry.count,
            pause: retry.back_off.0,
            window: retry.window.0,
            escalate_after: retry.escalate_after,
        }
    }
}

impl Retry {
    /// A job that is tried once.
    pub(crate) const NEVER: Self = Self { retries: 0, pause: 0, window: 0, escalate_after: 1 };

    /// The pause after the attempt with this number, the first is 1, failed, so many seconds after
    /// the first failure; `None` when it was the last.
    pub(crate) fn after(&self, attempt: u32, first_failure: u64) -> Option<u64> {
        self.rule().wait(counted(attempt), Span(first_failure)).map(|pause| pause.0)
    }

    /// Whether a person is to know of so many failures in a row.
    pub(crate) fn escalates(&self, failures: u32) -> bool {
        self.rule().escalates(counted(failures))
    }

    fn rule(&self) -> plan::Retry {
        plan::Retry {
            count: self.retries,
            back_off: Span(self.pause),
            window: Span(self.window),
            escalate_after: self.escalate_after,
            never_during: Vec::new(),
        }
    }
}

fn counted(failures: u32) -> u16 {
    u16::try_from(failures).unwrap_or(u16::MAX)
}
