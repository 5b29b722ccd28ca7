//! How often somebody may guess: after some wrong tries each costs a wait that doubles.
//!
//! Tries count by account and by network apart, so that neither one password tried everywhere nor
//! all passwords tried at one account get far. The right password does not help while the wait
//! lasts. But nobody keeps another out for long: from elsewhere than the guesses came, the wait is
//! some seconds at most, and who has a session has tries of his own.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pinned::network;

/// Wrong tries that cost nothing.
const FREE: u32 = 5;

/// The first wait, and the longest.
const WAIT: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(900));

/// Wrong tries are forgotten after so long without another.
const FORGOTTEN: Duration = Duration::from_secs(3600);

/// Most names and networks that are remembered. When there are more the oldest go.
const MOST: usize = 4096;

/// Wrong tries at one account from everywhere that cost nothing, and the longest wait beyond:
/// whoever only wants to keep somebody out must not be able to.
const FREE_EVERYWHERE: u32 = 50;
const WAIT_EVERYWHERE: Duration = Duration::from_secs(20);

/// What tries are counted by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    /// At an account, from a network.
    There(String, IpAddr),
    /// At an account, from everywhere.
    Account(String),
    /// From a network, at whatever account.
    Network(IpAddr),
    /// The password of an account once more, within a session.
    Session(String, String),
}

/// What a try counts for.
#[derive(Debug, Clone)]
pub(crate) struct Tries(Vec<Key>);

impl Tries {
    pub(crate) fn at_account(account: &str, from: IpAddr) -> Self {
        let (account, from) = (account.to_owned(), network(from));
        Self(vec![Key::There(account.clone(), from), Key::Account(account), Key::Network(from)])
    }

    /// Nobody outside of a session can make these be too many.
    pub(crate) fn in_session(account: &str, session: &str) -> Self {
        Self(vec![Key::Session(account.to_owned(), session.to_owned())])
    }
}

#[derive(Debug, Clone, Copy)]
struct Count {
    wrong: u32,
    last: Instant,
}

/// Wrong tries of the last hour.
#[derive(Debug, Default)]
pub(crate) struct Guard {
    counts: Mutex<HashMap<Key, Count>>,
}

impl Guard {
    /// Lets a try through, which counts as wrong until [`right`](Self::right) says otherwise: many
    /// at once are no way around. The error is how long to wait.
    pub(crate) fn enter(&self, tries: &Tries, now: Instant) -> Result<(), Duration> {
        let mut counts = self.counts();
        counts.retain(|_, count| now.saturating_duration_since(count.last) < FORGOTTEN);
        let keys = &tries.0;
        let waits = keys.iter().filter_map(|key| Some(counts.get(key)?.wait(key, now)));
        if let Some(wait) = waits.max().filter(|wait| !wait.is_zero()) {
            return Err(wait);
        }
        for key in keys {
            if counts.len() >= MOST && !counts.contains_key(key) {
                let oldest = counts.iter().min_by_key(|(_, count)| count.last);
                let oldest = oldest.map(|(key, _)| key.clone());
                oldest.map(|oldest| counts.remove(&oldest));
            }
            let have = counts.entry(key.clone()).or_insert(Count { wrong: 0, last: now });
            *have = Count { wrong: have.wrong.saturating_add(1), last: now };
        }
        Ok(())
    }

    /// That the last try was right. The network's are not forgiven: one account of one's own would
    /// be a way to guess on.
    pub(crate) fn right(&self, tries: &Tries) {
        self.take_back(tries);
        let mut counts = self.counts();
        for key in tries.0.iter().filter(|key| !matches!(key, Key::Network(_))) {
            counts.remove(key);
        }
    }

    /// That the last try was none.
    pub(crate) fn take_back(&self, tries: &Tries) {
        let mut counts = self.counts();
        for key in &tries.0 {
            if let Some(have) = counts.get_mut(key) {
                have.wrong = have.wrong.saturating_sub(1);
            }
        }
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Key, Count>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Count {
    fn wait(&self, key: &Key, now: Instant) -> Duration {
        let (free, longest) = match key {
            Key::Account(_) => (FREE_EVERYWHERE, WAIT_EVERYWHERE),
            Key::There(..) | Key::Network(_) | Key::Session(..) => (FREE, WAIT.1),
        };
        let Some(beyond) = self.wrong.checked_sub(free) else { return Duration::ZERO };
        let wait = WAIT.0.saturating_mul(1 << beyond.min(16)).min(longest);
        wait.saturating_sub(now.saturating_duration_since(self.last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn owner(from: u8) -> Tries {
        Tries::at_account("owner", address(from))
    }

    #[test]
    fn guessing_gets_slow_and_is_forgiven_in_time() {
        let (guard, start) = (Guard::default(), Instant::now());
        for _ in 0..5 {
            guard.enter(&owner(1), start).unwrap();
        }
        assert_eq!(guard.enter(&owner(1), start).unwrap_err(), WAIT.0);
        let another = |from| Tries::at_account("another", address(from));
        assert!(guard.enter(&another(1), start).is_err(), "at another account");
        guard.enter(&another(2), start).unwrap();
        guard.enter(&owner(1), start + WAIT.0).unwrap();
        assert_eq!(guard.enter(&owner(1), start + WAIT.0).unwrap_err(), 2 * WAIT.0);
        guard.enter(&owner(1), start + WAIT.0 + FORGOTTEN).unwrap();
    }

    #[test]
    fn a_day_of_guessing_is_a_hundred_tries() {
        let (guard, mut now) = (Guard::default(), Instant::now());
        let (end, mut tries) = (now + Duration::from_secs(86400), 0);
        while now < end {
            match guard.enter(&owner(1), now) {
                Ok(()) => tries += 1,
                Err(wait) => now += wait,
            }
        }
        assert!((50..=150).contains(&tries), "{tries}");
    }

    #[test]
    fn nobody_keeps_another_out_and_many_together_do_not_guess_fast() {
        let (guard, now) = (Guard::default(), Instant::now());
        for _ in 0..5 {
            guard.enter(&owner(1), now).unwrap();
        }
        guard.enter(&owner(2), now).unwrap();
        guard.enter(&Tries::in_session("owner", "5"), now).unwrap();
        for from in 3..=46 {
            guard.enter(&owner(from), now).unwrap();
        }
        assert_eq!(guard.enter(&owner(99), now).unwrap_err(), WAIT.0);
        let mut now = now;
        for from in 100..200 {
            now += WAIT_EVERYWHERE;
            guard.enter(&owner(from), now).unwrap();
        }
        assert_eq!(guard.enter(&owner(99), now).unwrap_err(), WAIT_EVERYWHERE);
    }

    #[test]
    fn who_signs_in_is_never_slowed_down_and_cannot_forgive_a_network() {
        let (guard, now) = (Guard::default(), Instant::now());
        for _ in 0..100 {
            // Without the code that is wanted, then with it.
            guard.enter(&owner(1), now).unwrap();
            guard.take_back(&owner(1));
            guard.enter(&owner(1), now).unwrap();
            guard.right(&owner(1));
        }
        for victim in ["a", "b", "c", "d", "e"] {
            guard.enter(&Tries::at_account(victim, address(1)), now).unwrap();
        }
        assert!(guard.enter(&owner(1), now).is_err());
    }

    #[test]
    fn memory_is_bounded() {
        let (guard, now) = (Guard::default(), Instant::now());
        for try_ in 0..3 * MOST {
            let from = IpAddr::from((try_ as u32).to_be_bytes());
            let _ = guard.enter(&Tries::at_account(&format!("name {try_}"), from), now);
        }
        assert!(guard.counts().len() <= MOST);
    }
}
