//! Work in the background that leaves the disks to others for most of the time.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

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
pub struct Duty<'a>(Option<(&'a dyn Pacer, u32)>);

impl fmt::Debug for Duty<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Duty({} %)", self.0.map_or(100, |(_, percent)| percent))
    }
}

impl<'a> Duty<'a> {
    /// Works all the time.
    pub const FULL: Self = Self(None);

    /// Works at most so many hundredths of the time, 1 to 100; what is outside counts as the
    /// nearest.
    pub fn percent(percent: u32, pacer: &'a dyn Pacer) -> Self {
        Self((percent < 100).then_some((pacer, percent.max(1))))
    }

    /// Transfers that may be in flight: with a share, one, or the others would go on in the rests.
    pub(crate) fn transfers(&self, most: usize) -> usize {
        if self.0.is_some() { 1 } else { most }
    }

    /// The moment at which a transfer begins.
    pub(crate) fn begin(&self) -> Duration {
        self.0.map_or(Duration::ZERO, |(pacer, _)| pacer.now())
    }

    /// Rests for as long as the work since `began` asks for.
    pub(crate) async fn rest(&self, began: Duration) {
        let Some((pacer, percent)) = self.0 else { return };
        let worked = pacer.now().saturating_sub(began);
        let rest = worked.saturating_mul(100 - percent) / percent;
        if !rest.is_zero() {
            pacer.sleep(rest).await;
        }
    }
}
