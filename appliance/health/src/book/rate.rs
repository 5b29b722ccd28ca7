//! How often alerts of each code were raised within the last day.
//!
//! A hundred harmless warnings a day are no hundred harmless warnings. Counted by the hour, so that
//! memory is bounded by the number of codes, whatever happens.

use std::collections::BTreeMap;

use crate::AlertCode;

/// Hours that are looked back on.
const HOURS: usize = 24;

/// Raised and returned alerts by code and hour.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rates {
    pub(super) counts: BTreeMap<AlertCode, [u32; HOURS]>,
    /// The hour that is counted now, from the book's beginning.
    pub(super) hour: u64,
}

impl Rates {
    /// Moves on to the hour of `now`, in seconds, and forgets what is older than a day.
    pub(super) fn advance(&mut self, now: u64) {
        let hour = now / 3600;
        for stale in self.hour.saturating_add(1)..=hour.min(self.hour.saturating_add(HOURS as u64))
        {
            for counts in self.counts.values_mut() {
                if let Some(count) = counts.get_mut(slot(stale)) {
                    *count = 0;
                }
            }
        }
        self.hour = self.hour.max(hour);
        self.counts.retain(|_, counts| counts.iter().any(|count| *count > 0));
    }

    pub(super) fn count(&mut self, code: AlertCode) {
        let counts = self.counts.entry(code).or_insert([0; HOURS]);
        if let Some(count) = counts.get_mut(slot(self.hour)) {
            *count = count.saturating_add(1);
        }
    }

    /// Codes with more than `limit` within the day.
    pub(super) fn above(&self, limit: u32) -> Vec<(AlertCode, u64)> {
        let sums = self.counts.iter().map(|(code, counts)| {
            let sum: u64 = counts.iter().map(|count| u64::from(*count)).sum();
            (*code, sum)
        });
        sums.filter(|(_, sum)| *sum > u64::from(limit)).collect()
    }
}

fn slot(hour: u64) -> usize {
    (hour % HOURS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_looked_back_on_and_no_more() {
        let mut rates = Rates::default();
        let code = AlertCode::JobWarned;
        for hour in 0..30 {
            rates.advance(hour * 3600);
            rates.count(code);
        }
        assert_eq!(rates.above(23), [(code, 24)]);
        rates.advance(52 * 3600);
        assert_eq!(rates.above(0), [(code, 1)]);
        rates.advance(53 * 3600);
        assert!(rates.counts.is_empty());
        rates.advance(u64::MAX);
        rates.count(code);
        assert_eq!(rates.above(0), [(code, 1)]);
    }
}
