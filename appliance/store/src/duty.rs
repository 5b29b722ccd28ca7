//! Work in the background that leaves the disks to others for most of the time.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use crate::foreground::Seen;
use crate::store::Inner;

/// What [`Pacer::sleep`] gives.
pub type PacerFuture<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Who tells how time goes by and lets it go by: passed in, so that a test can simulate months.
pub trait Pacer: Send + Sync {
    /// Time since some moment; it never goes back.
    fn now(&self) -> Duration;
    /// Is done after this time.
    fn sleep(&self, time: Duration) -> PacerFuture<'_>;
}

/// The share of time at which one worker may be at work.
#[derive(Clone, Copy)]
pub struct Duty<'a>(Option<Share<'a>>);

#[derive(Clone, Copy)]
struct Share<'a> {
    pacer: &'a dyn Pacer,
    percent: u32,
    /// Only while somebody else uses the store.
    beside: bool,
}

/// The moment at which some work began, and what others had begun by then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begun {
    at: Duration,
    seen: Seen,
}

impl fmt::Debug for Duty<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Duty({} %)", self.0.map_or(100, |share| share.percent))
    }
}

impl<'a> Duty<'a> {
    /// Works all the time.
    pub const FULL: Self = Self(None);

    /// Works at most so many hundredths of the time, 1 to 100; what is outside counts as the
    /// nearest.
    pub fn percent(percent: u32, pacer: &'a dyn Pacer) -> Self {
        Self::share(percent, pacer, false)
    }

    /// As [`percent`](Self::percent) while somebody ingests or reads beside it, and all the time
    /// while nobody does.
    pub fn beside(percent: u32, pacer: &'a dyn Pacer) -> Self {
        Self::share(percent, pacer, true)
    }

    fn share(percent: u32, pacer: &'a dyn Pacer, beside: bool) -> Self {
        Self((percent < 100).then_some(Share { pacer, percent: percent.max(1), beside }))
    }

    /// Transfers that may be in flight: with a share, one, or the others would go on in the rests.
    pub(crate) fn transfers(&self, most: usize) -> usize {
        if self.0.is_some_and(|share| !share.beside) { 1 } else { most }
    }

    /// The moment at which a transfer begins.
    pub(crate) fn begin(&self, inner: &Inner) -> Begun {
        let seen = inner.foreground.seen();
        Begun { at: self.0.map_or(Duration::ZERO, |share| share.pacer.now()), seen }
    }

    /// Rests for as long as the work since `begun` asks for.
    pub(crate) async fn rest(&self, begun: Begun, inner: &Inner) {
        let rest = self.due(begun, inner);
        if let Some(Share { pacer, .. }) = self.0
            && !rest.is_zero()
        {
            pacer.sleep(rest).await;
        }
    }

    /// How long the work since `begun` asks to rest.
    pub(crate) fn due(&self, begun: Begun, inner: &Inner) -> Duration {
        let Some(Share { pacer, percent, beside }) = self.0 else { return Duration::ZERO };
        if beside && !inner.foreground.was_there_since(begun.seen) {
            return Duration::ZERO;
        }
        let worked = pacer.now().saturating_sub(begun.at);
        worked.saturating_mul(100 - percent) / percent
    }
}
