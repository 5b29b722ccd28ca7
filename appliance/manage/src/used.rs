//! When each session was used last. Not worth a write: after a restart all begin anew.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A session ends when nothing was asked for so long.
const IDLE: Duration = Duration::from_secs(30 * 60);

/// Sessions by their ids.
#[derive(Debug, Default)]
pub(crate) struct Used(Mutex<HashMap<String, Instant>>);

impl Used {
    /// Uses a session, unless it is over.
    pub(crate) fn uses(&self, session: &str, now: Instant) -> bool {
        let mut used = self.used();
        if used.get(session).is_some_and(|last| is_idle(*last, now)) {
            return false;
        }
        used.insert(session.to_owned(), now);
        true
    }

    /// Whether a session is over. To look is no use of it.
    pub(crate) fn is_idle(&self, session: &str, now: Instant) -> bool {
        self.used().get(session).is_some_and(|last| is_idle(*last, now))
    }

    /// All that are over.
    pub(crate) fn idle(&self, now: Instant) -> Vec<String> {
        let used = self.used();
        let idle = used.iter().filter(|(_, last)| is_idle(**last, now));
        idle.map(|(session, _)| session.clone()).collect()
    }

    /// Forgets one, which must not be let in any more: it would begin anew.
    pub(crate) fn forget(&self, session: &str) {
        self.used().remove(session);
    }

    fn used(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_idle(last: Instant, now: Instant) -> bool {
    now.saturating_duration_since(last) >= IDLE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_nobody_used_is_over_and_stays_so() {
        let (used, start) = (Used::default(), Instant::now());
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        assert!(used.uses("a", at(0)) && used.uses("b", at(0)));
        assert!(used.uses("a", at(1799)) && !used.uses("b", at(1800)));
        assert!(used.is_idle("b", at(1800)) && !used.is_idle("a", at(1800)));
        assert_eq!(used.idle(at(1800)), ["b"]);
        assert!(!used.uses("b", at(9999)), "it is over until it is gone");
        used.forget("b");
        assert!(used.idle(at(1800)).is_empty());
    }
}
