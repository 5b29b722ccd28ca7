//! Signals: whether a recovery point looks as if somebody had encrypted the system.
//!
//! Ransomware shows twice in an image: far more blocks change than on other days, and what they
//! change to does not compress. Both are judged against the system's own history, because a
//! photographer's disk is dense every day and a database changes a lot every day.
//!
//! **The rule.** Of the newest [`HISTORY_MAX`] earlier points the median and the median absolute
//! deviation (MAD) say what is usual. A value is far off if it lies more than 3.5 / 0.6745 = 5.19
//! MAD above the median: the modified z-score of Iglewicz and Hoaglin (How to Detect and Handle
//! Outliers, 1993), chosen because up to half of the history may be outliers before the usual
//! moves: yesterday's attack does not hide today's. Amounts of change are compared as logarithms,
//! since they spread by factors, and so the answer is a factor too.
//!
//! - *Change:* at least an eighth of the data changed, and at least 4 times, and by the z-score far
//!   more than, the usual amount. An upgrade of the operating system writes 2 to 6 % of a system's
//!   data, so the eighth keeps a quiet machine quiet on that day.
//! - *Dense:* at least a 32nd of the data changed to chunks that do not shrink, these are more than
//!   half of what changed, and their share is by 25 points, and by the z-score, above the usual
//!   share; and they are at least 4 times the usual amount. Encryption of the first block of each
//!   file alone shows here, not in the amount.
//! - *Whatever the history:* more than half of the data changed and more than 80 % of that is
//!   dense. It is all that can be said before [`HISTORY_MIN`] earlier incrementals, and it is what
//!   a history that an attacker has made restless cannot hide.
//!
//! Below [`TINY_BYTES`] nothing is a signal. A point without a parent says nothing: all of it is
//! "changed". Not seen as dense: less than a 32nd of the data between two points, ciphertext
//! written in letters or digits, and ciphertext in every other block or so, because what shrinks is
//! told of chunks (48 KiB on average), not of blocks.

use format::event::{SIGNAL_CHANGE, SIGNAL_DENSE};
use record::{SignalDescription, SignalKind};

/// Most earlier points that are looked at: a month of days.
pub const HISTORY_MAX: usize = 30;

/// With fewer earlier incrementals nothing is usual yet.
pub const HISTORY_MIN: usize = 3;

/// Changes of fewer bytes are never a signal.
pub const TINY_BYTES: u64 = 4 << 20;

/// MADs above the median at which the modified z-score is 3.5.
const FAR: f64 = 3.5 / 0.6745;

/// Times the usual amount below which nothing is far more, however even the history is.
const FACTOR_MIN: f64 = 4.0;

/// Points of a hundred above the usual share below which nothing is far denser.
const SHARE_MIN: f64 = 0.25;

/// Amounts below this part of the data count as this much: a day without any change and one with a
/// log file are equally quiet.
const QUIET_PART: u64 = 1024;

/// What one recovery point changed. Amounts are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Measured {
    /// That differ from the parent.
    pub changed: u64,
    /// Of these, in chunks that did not shrink.
    pub dense: u64,
}

impl Measured {
    /// The share of what changed that is dense, 0 to 1.
    fn share(self) -> f64 {
        self.dense.min(self.changed) as f64 / self.changed.max(1) as f64
    }
}

/// What is unusual about a point of `data` bytes that has a parent. `earlier` are the system's
/// earlier incrementals, the newest last.
pub fn judge(earlier: &[Measured], now: Measured, data: u64) -> Vec<SignalDescription> {
    if now.changed < TINY_BYTES {
        return Vec::new();
    }
    let earlier = earlier.get(earlier.len().saturating_sub(HISTORY_MAX)..).unwrap_or_default();
    let usual = (earlier.len() >= HISTORY_MIN).then(|| Usual::of(earlier, data));
    let clear = now.changed > data / 2 && now.share() > 0.8;
    let change = clear || usual.as_ref().is_some_and(|usual| usual.is_far_more(now, data));
    let dense = clear || usual.as_ref().is_some_and(|usual| usual.is_far_denser(now, data));
    let mut signals = Vec::new();
    if change {
        let usual = usual.as_ref().map(|usual| usual.changed.round() as u64);
        signals.push(describe(SignalKind::Change, now.changed, usual));
    }
    if dense {
        let usual = usual.as_ref().map(|usual| (usual.share * 100.0).round() as u64);
        signals.push(describe(SignalKind::Dense, (now.share() * 100.0).round() as u64, usual));
    }
    signals
}

/// The signals as a point's row has them.
pub(crate) fn bits(signals: &[SignalDescription]) -> u8 {
    signals.iter().fold(0, |bits, signal| {
        bits | match signal.signal {
            SignalKind::Change => SIGNAL_CHANGE,
            SignalKind::Dense => SIGNAL_DENSE,
        }
    })
}

fn describe(signal: SignalKind, value: u64, usual: Option<u64>) -> SignalDescription {
    let factor = |usual: u64| (value as f64 / usual.max(1) as f64).round() as u64;
    SignalDescription { signal, value, usual, factor: usual.map(factor) }
}

/// What a system's points usually change.
struct Usual {
    /// Median of the bytes that changed.
    changed: f64,
    /// Factor above it from which on a change is far more.
    factor: f64,
    /// Median of the bytes that changed to something dense.
    dense: f64,
    /// Median of the share of what changed that was dense.
    share: f64,
    /// Above it by this much a share is far more.
    margin: f64,
}

impl Usual {
    fn of(earlier: &[Measured], data: u64) -> Self {
        let quiet = (data / QUIET_PART).max(1);
        let all = |value: &dyn Fn(&Measured) -> f64| earlier.iter().map(value).collect::<Vec<_>>();
        let (log, spread) = middle(all(&|one| (one.changed.max(quiet) as f64).log2()));
        let (share, share_spread) = middle(all(&|one| one.share()));
        let (dense, _) = middle(all(&|one| one.dense.max(quiet) as f64));
        Self {
            changed: log.exp2(),
            factor: (FAR * spread).exp2().max(FACTOR_MIN),
            dense,
            share,
            margin: (FAR * share_spread).max(SHARE_MIN),
        }
    }

    fn is_far_more(&self, now: Measured, data: u64) -> bool {
        now.changed >= data / 8 && now.changed as f64 > self.changed * self.factor
    }

    fn is_far_denser(&self, now: Measured, data: u64) -> bool {
        let share = now.share();
        now.dense >= TINY_BYTES.max(data / 32)
            && share > 0.5
            && share > self.share + self.margin
            && now.dense as f64 > self.dense * FACTOR_MIN
    }
}

/// Median and median absolute deviation.
fn middle(values: Vec<f64>) -> (f64, f64) {
    let middle = median(values.clone());
    (middle, median(values.into_iter().map(|value| (value - middle).abs()).collect()))
}

/// The middle value; of an even number the mean of the two; 0 of none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    let upper = values.get(half).copied().unwrap_or_default();
    match values.len() % 2 {
        1 => upper,
        _ => (values.get(half.wrapping_sub(1)).copied().unwrap_or_default() + upper) / 2.0,
    }
}

#[cfg(test)]
mod tests;
