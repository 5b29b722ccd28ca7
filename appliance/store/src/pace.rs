//! How fast copies are made: at most so many bytes a second, and for a share of the time only while
//! somebody reads or writes who waits for it.

use std::fmt;
use std::num::NonZeroU64;
use std::task::Poll;
use std::time::Duration;

use crate::duty::{Begun, Duty, Pacer};
use crate::store::Inner;

/// Hundredths of the time for which copies are made while others read or write: they keep most of
/// what the disks can do, and a long restore does not leave the pool on one copy for ever.
const SHARE_BESIDE_OTHERS: u32 = 25;

/// How much of what was not used of a rate may be made good later: what one slow transfer takes,
/// but not what a pause does.
const CATCH_UP: Duration = Duration::from_secs(1);

/// How fast copies may be made.
#[derive(Default)]
pub struct Pace<'a>(Option<Paced<'a>>);

struct Paced<'a> {
    pacer: &'a dyn Pacer,
    duty: Duty<'a>,
    ledger: Option<Ledger>,
}

impl fmt::Debug for Pace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ledger = self.0.as_ref().and_then(|paced| paced.ledger.as_ref());
        write!(f, "Pace(by time: {}, {ledger:?})", self.0.is_some())
    }
}

impl<'a> Pace<'a> {
    /// As fast as it goes while nobody else reads or writes. [`Pace::default`] has no time to go
    /// by, and lets others go first only where tasks take turns on a thread.
    pub fn gentle(pacer: &'a dyn Pacer) -> Self {
        let duty = Duty::beside(SHARE_BESIDE_OTHERS, pacer);
        Self(Some(Paced { pacer, duty, ledger: None }))
    }

    /// As [`gentle`](Self::gentle), and never more than `rate` bytes of copies a second.
    pub fn at_most(rate: NonZeroU64, pacer: &'a dyn Pacer) -> Self {
        let ledger = Some(Ledger { rate, due: pacer.now() });
        let duty = Duty::beside(SHARE_BESIDE_OTHERS, pacer);
        Self(Some(Paced { pacer, duty, ledger }))
    }

    /// The moment at which a piece of work begins.
    pub(crate) fn begin(&self, inner: &Inner) -> Option<Begun> {
        self.0.as_ref().map(|paced| paced.duty.begin(inner))
    }

    /// Waits as long as a piece of work with so many bytes of copies asks for.
    pub(crate) async fn end(&mut self, begun: Option<Begun>, inner: &Inner, bytes: usize) {
        yield_now().await;
        let (Some(paced), Some(begun)) = (&mut self.0, begun) else { return };
        let by_share = paced.duty.due(begun, inner);
        let now = paced.pacer.now();
        let by_rate = paced.ledger.as_mut().map(|ledger| ledger.spend(now, bytes as u64));
        let rest = by_share.max(by_rate.unwrap_or_default());
        if !rest.is_zero() {
            paced.pacer.sleep(rest).await;
        }
    }
}

/// Bytes against time: each byte has its moment, so that no error adds up.
#[derive(Debug)]
struct Ledger {
    rate: NonZeroU64,
    /// The moment of the next byte.
    due: Duration,
}

impl Ledger {
    /// Notes bytes that went; gives how long the next have to wait.
    fn spend(&mut self, now: Duration, bytes: u64) -> Duration {
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(self.rate.get());
        let time = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let due = self.due.max(now.saturating_sub(CATCH_UP));
        self.due = due.saturating_add(time);
        self.due.saturating_sub(now)
    }
}

/// Lets others go first.
async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_go_at_their_moment_and_a_pause_is_not_made_good() {
        let second = Duration::from_secs(1);
        let rate = NonZeroU64::new(1000).unwrap();
        let mut ledger = Ledger { rate, due: Duration::ZERO };
        // Who waits as told is at the rate to the nanosecond, however the pieces are cut.
        let (mut now, mut sent) = (Duration::ZERO, 0);
        for bytes in [1, 999, 333, 667, 3000, 5] {
            now += ledger.spend(now, bytes);
            sent += bytes;
            assert_eq!(now, Duration::from_millis(sent));
        }
        // A transfer that was slow is made good, a pause for no more than the bound.
        now += second / 2;
        assert_eq!(ledger.spend(now, 500), Duration::ZERO);
        now += 100 * second;
        assert_eq!(ledger.spend(now, 1000), Duration::ZERO);
        assert_eq!(ledger.spend(now, 1000), second);
    }
}
