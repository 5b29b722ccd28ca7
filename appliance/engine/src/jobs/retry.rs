//! When a job that failed is tried again.

use serde::{Deserialize, Serialize};

/// How often, and after how long. Without one a job is tried once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Retry {
    /// Attempts in all.
    pub(crate) attempts: u32,
    /// Seconds from the first failure to the second attempt; from then on twice as long each time.
    pub(crate) pause: u64,
    /// Longest of these pauses, in seconds.
    pub(crate) longest: u64,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 3, pause: 60, longest: 3600 }
    }
}

impl Retry {
    /// A job that is tried once.
    pub(crate) const NEVER: Self = Self { attempts: 1, pause: 0, longest: 0 };

    /// The pause after the attempt with this number, the first is 1, failed; `None` when it was
    /// the last.
    pub(crate) fn after(&self, attempt: u32) -> Option<u64> {
        let doubled = 1_u64.checked_shl(attempt.saturating_sub(1)).unwrap_or(u64::MAX);
        (attempt < self.attempts).then(|| self.pause.saturating_mul(doubled).min(self.longest))
    }
}
