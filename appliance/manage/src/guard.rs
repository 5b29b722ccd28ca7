//! How often somebody may guess: after some wrong tries each costs a wait that doubles.
//!
//! Tries count by account and by network apart, so that neither one password tried everywhere nor
//! all passwords tried at one account get far. The right password does not help while the wait
//! lasts; who has a session is not concerned.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
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

/// Who tried.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Account(String),
    Network(IpAddr),
}

#[derive(Debug, Clone, Copy)]
struct Tries {
    wrong: u32,
    last: Instant,
}

/// Wrong tries of the last hour.
#[derive(Debug, Default)]
pub(crate) struct Guard {
    tries: Mutex<HashMap<Key, Tries>>,
}

impl Guard {
    /// Lets a try through, which counts as wrong until [`right`](Self::right) says otherwise: many
    /// at once are no way around. The error is how long to wait.
    pub(crate) fn enter(&self, account: &str, from: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        tries.retain(|_, tries| now.saturating_duration_since(tries.last) < FORGOTTEN);
        let keys = [Key::Account(account.to_owned()), Key::Network(network(from))];
        let waits = keys.iter().filter_map(|key| tries.get(key)).map(|tries| tries.wait(now));
        if let Some(wait) = waits.max().filter(|wait| !wait.is_zero()) {
            return Err(wait);
        }
        for key in keys {
            if tries.len() >= MOST && !tries.contains_key(&key) {
                let oldest = tries.iter().min_by_key(|(_, tries)| tries.last);
                let oldest = oldest.map(|(key, _)| key.clone());
                oldest.map(|oldest| tries.remove(&oldest));
            }
            let have = tries.entry(key).or_insert(Tries { wrong: 0, last: now });
            *have = Tries { wrong: have.wrong.saturating_add(1), last: now };
        }
        Ok(())
    }

    /// That the last try was right. The network's are not forgiven: one account of one's own would
    /// be a way to guess on.
    pub(crate) fn right(&self, account: &str, from: IpAddr) {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        tries.remove(&Key::Account(account.to_owned()));
        if let Some(have) = tries.get_mut(&Key::Network(network(from))) {
            have.wrong = have.wrong.saturating_sub(1);
        }
    }
}

impl Tries {
    fn wait(&self, now: Instant) -> Duration {
        let Some(beyond) = self.wrong.checked_sub(FREE) else { return Duration::ZERO };
        let (first, longest) = WAIT;
        let wait = first.saturating_mul(1 << beyond.min(16)).min(longest);
        wait.saturating_sub(now.saturating_duration_since(self.last))
    }
}

/// Sign-ins in vain that are written to the audit log within an hour: whoever has many addresses
/// could push everything else out of it.
const NOTED: u32 = 200;

/// Counts what is written down of sign-ins in vain.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    /// The hour, and how many there were in it.
    inner: Mutex<(u64, u32)>,
}

impl Refusals {
    /// Whether one more, at this time in seconds, is to be written down.
    pub(crate) fn takes(&self, now: u64) -> bool {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let hour = now / 3600;
        if inner.0 != hour {
            *inner = (hour, 0);
        }
        inner.1 = inner.1.saturating_add(1);
        inner.1 <= NOTED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn guessing_gets_slow_and_is_forgiven_in_time() {
        let (guard, start) = (Guard::default(), Instant::now());
        for _ in 0..5 {
            guard.enter("owner", address(1), start).unwrap();
        }
        let wait = guard.enter("owner", address(1), start).unwrap_err();
        assert_eq!(wait, WAIT.0);
        assert!(guard.enter("owner", address(2), start).is_err(), "from elsewhere");
        assert!(guard.enter("another", address(1), start).is_err(), "at another account");
        guard.enter("another", address(2), start).unwrap();
        guard.enter("owner", address(1), start + WAIT.0).unwrap();
        assert_eq!(guard.enter("owner", address(1), start + WAIT.0).unwrap_err(), 2 * WAIT.0);
        guard.enter("owner", address(1), start + WAIT.0 + FORGOTTEN).unwrap();
    }

    #[test]
    fn a_day_of_guessing_is_a_hundred_tries() {
        let (guard, mut now) = (Guard::default(), Instant::now());
        let (end, mut tries) = (now + Duration::from_secs(86400), 0);
        while now < end {
            match guard.enter("owner", address(1), now) {
                Ok(()) => tries += 1,
                Err(wait) => now += wait,
            }
        }
        assert!((50..=150).contains(&tries), "{tries}");
    }

    #[test]
    fn who_signs_in_is_never_slowed_down_and_cannot_forgive_a_network() {
        let (guard, now) = (Guard::default(), Instant::now());
        for _ in 0..100 {
            guard.enter("owner", address(1), now).unwrap();
            guard.right("owner", address(1));
        }
        for victim in ["a", "b", "c", "d", "e"] {
            guard.enter(victim, address(1), now).unwrap();
        }
        assert!(guard.enter("owner", address(1), now).is_err());
    }

    #[test]
    fn the_log_takes_some_refusals_of_each_hour() {
        let refusals = Refusals::default();
        let noted = |hour: u64| (0..1000).filter(|_| refusals.takes(hour * 3600)).count();
        assert_eq!((noted(5), noted(6)), (NOTED as usize, NOTED as usize));
    }

    #[test]
    fn memory_is_bounded() {
        let (guard, now) = (Guard::default(), Instant::now());
        for try_ in 0..3 * MOST {
            let from = IpAddr::from((try_ as u32).to_be_bytes());
            let _ = guard.enter(&format!("name {try_}"), from, now);
        }
        assert!(guard.tries.lock().unwrap().len() <= MOST);
    }
}
