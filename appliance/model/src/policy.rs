//! What is kept of the recovery points of a system.

use crate::Period;

/// Seconds of age between a removal and the point's going, for systems without a policy: a week
/// in which it can be taken back.
pub const DEFAULT_DELAY: u64 = 7 * 86_400;

/// What to keep of a system's recovery points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// So many newest points; with this and all others 0, everything is kept.
    pub last: u16,
    /// The last point of so many hours that have one; so too the next four.
    pub hourly: u16,
    pub daily: u16,
    pub weekly: u16,
    pub monthly: u16,
    pub yearly: u16,
    /// Retention lock, in seconds of age: nothing younger can be removed. Never shortened.
    pub lock: u64,
    /// Seconds of age between a removal and the point's going.
    pub delay: u64,
}

impl Default for Policy {
    /// That of a system without one: everything is kept, and what a person removes goes after
    /// [`DEFAULT_DELAY`].
    fn default() -> Self {
        Self {
            last: 0,
            hourly: 0,
            daily: 0,
            weekly: 0,
            monthly: 0,
            yearly: 0,
            lock: 0,
            delay: DEFAULT_DELAY,
        }
    }
}

impl Policy {
    /// Whether nothing goes by it.
    pub fn keeps_everything(&self) -> bool {
        self.last == 0 && self.periods().iter().all(|(_, count)| *count == 0)
    }

    /// Of how many periods it keeps the last point.
    pub fn periods(&self) -> [(Period, u16); 5] {
        [
            (Period::Hour, self.hourly),
            (Period::Day, self.daily),
            (Period::Week, self.weekly),
            (Period::Month, self.monthly),
            (Period::Year, self.yearly),
        ]
    }
}
