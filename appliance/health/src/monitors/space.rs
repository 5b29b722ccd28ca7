//! Contract monitor: room is low. By share, by the forecast, and by what the store itself says;
//! what a reclaim would give back stands beside it, because it is the first thing to do.

use std::fmt::Display;

use model::Bytes;

use super::reaches;
use crate::facts::{PoolFacts, Space};
use crate::{AlertCode, Facts, Finding, Subject, Thresholds};

/// What cannot be judged while the room is not known.
const OF_SPACE: &[AlertCode] = &[AlertCode::PoolFull, AlertCode::SpaceLow, AlertCode::PoolFilling];

pub(super) fn judge(facts: &Facts, limits: &Thresholds, found: &mut Vec<Finding>) {
    // That a pool is shut or unknown says the monitor of the pool.
    let Some(PoolFacts::Open(pool)) = &facts.pool else { return };
    match &pool.space {
        Some(space) => found.extend(low(space, limits)),
        None => {
            let subject = Subject::part("room");
            found.push(Finding::unknown("the room in the pool", subject, OF_SPACE));
        }
    }
}

fn low(space: &Space, limits: &Thresholds) -> Option<Finding> {
    let below = |percent: u8, days: f64| {
        let days_left = space.days_until_full.unwrap_or(f64::INFINITY);
        !reaches(space.free.0, percent, space.total.0) || days_left < days
    };
    if space.refuses {
        return Some(report(AlertCode::PoolFull, space));
    }
    if below(limits.space_low_percent, limits.space_low_days) {
        return Some(report(AlertCode::SpaceLow, space));
    }
    below(limits.space_early_percent, limits.space_early_days)
        .then(|| report(AlertCode::PoolFilling, space))
}

fn report(code: AlertCode, space: &Space) -> Finding {
    let used = used_percent(space);
    let days = match space.days_until_full {
        Some(days) if days < 10_000.0 => format!("{days:.0}"),
        Some(_) => "more than 10000".into(),
        None => "an unknown number of".into(),
    };
    let reclaimable = match space.reclaimable {
        Some(bytes) => bytes.to_string(),
        None => "an unknown amount".into(),
    };
    let facts: [(&str, &dyn Display); 4] =
        [("used", &used), ("free", &space.free), ("days", &days), ("reclaimable", &reclaimable)];
    Finding::new(code, Subject::pool(""), &facts)
}

fn used_percent(space: &Space) -> u64 {
    let Bytes(total) = space.total;
    let used = u128::from(total.saturating_sub(space.free.0));
    // At most 100, whatever the free room is said to be.
    (used * 100).checked_div(u128::from(total)).unwrap_or(100) as u64
}
