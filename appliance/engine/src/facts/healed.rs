//! How much had to be healed lately.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What an alert speaks of.
const LATELY: Duration = Duration::from_secs(24 * 3600);

/// What comes within so long is counted together.
const TOGETHER: Duration = Duration::from_secs(3600);

/// A count that only rises, and when it did.
#[derive(Debug, Default)]
pub(crate) struct HealedLately {
    count: u64,
    /// By how much, since when; oldest first.
    rises: VecDeque<(Instant, u64)>,
}

impl HealedLately {
    /// Notes the count, and gives by how much it rose within the last day.
    pub(crate) fn note(&mut self, count: u64, now: Instant) -> u64 {
        let rise = count.saturating_sub(self.count);
        self.count = count;
        self.rises.retain(|(at, _)| now.duration_since(*at) < LATELY);
        match self.rises.back_mut() {
            Some((at, before)) if now.duration_since(*at) < TOGETHER => *before += rise,
            _ if rise > 0 => self.rises.push_back((now, rise)),
            _ => {}
        }
        self.rises.iter().map(|(_, rise)| rise).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_healed_is_told_for_a_day() {
        let (begin, hour) = (Instant::now(), Duration::from_secs(3600));
        let mut healed = HealedLately::default();
        assert_eq!(healed.note(0, begin), 0);
        assert_eq!(healed.note(3, begin + hour), 3);
        assert_eq!(healed.note(3, begin + 20 * hour), 3);
        assert_eq!(healed.note(4, begin + 24 * hour), 4);
        assert_eq!(healed.note(4, begin + 26 * hour), 1);
        assert_eq!(healed.note(4, begin + 49 * hour), 0);
    }

    #[test]
    fn however_often_it_rises_little_is_kept() {
        let begin = Instant::now();
        let mut healed = HealedLately::default();
        for minute in 0..10_000 {
            healed.note(minute, begin + Duration::from_secs(60 * minute));
        }
        assert!(healed.rises.len() <= 25, "{}", healed.rises.len());
    }
}
