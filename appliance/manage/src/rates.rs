//! How much accounts and clients may change within an hour and a day: each change is in the audit
//! log, and nobody may push out of that what others did.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::identity::Identity;

const HOUR: u64 = 3600;
const DAY: u64 = 86_400;

/// Most changes of one account within an hour.
const OF_ACCOUNT: u32 = 3600;

/// Most changes within a day of an account that is bound to no client: at two entries for each, one
/// that runs wild takes 25 days for the whole log.
const OF_WIDE: u32 = 10_000;

/// The same of one that is bound to clients, and of all together that are bound to the same ones:
/// those take more than a hundred days.
const OF_BOUND: u32 = 1_000;
const OF_CLIENTS: u32 = 2_000;

/// Nothing more is changed until a span is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{whose} changed {most} things within this {span}, the most that it may")]
pub(crate) struct Exceeded {
    whose: &'static str,
    most: u32,
    pub(crate) span: &'static str,
}

/// Counts what is changed. After a restart all begin anew.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    inner: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    hour: Span,
    day: Span,
    /// By clients and not by accounts.
    day_of_clients: Span,
}

/// An hour or a day, by its number since 1970.
#[derive(Debug, Default)]
struct Span {
    number: u64,
    counts: HashMap<String, u32>,
}

impl Changes {
    /// Counts one more change, at this time in seconds, unless there were too many.
    pub(crate) fn enter(&self, who: &Identity, now: u64) -> Result<(), Exceeded> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let Counts { hour, day, day_of_clients } = &mut *inner;
        let exceeded = |whose, most, span| Err(Exceeded { whose, most, span });
        if !hour.takes(now / HOUR, &who.account, OF_ACCOUNT) {
            return exceeded("the account", OF_ACCOUNT, "hour");
        }
        let most = if who.is_wide() { OF_WIDE } else { OF_BOUND };
        if !day.takes(now / DAY, &who.account, most) {
            return exceeded("the account", most, "day");
        }
        if who.is_wide() {
            return Ok(());
        }
        let mut clients = who.clients.clone();
        clients.sort();
        match day_of_clients.takes(now / DAY, &clients.join("\n"), OF_CLIENTS) {
            true => Ok(()),
            false => exceeded("the client", OF_CLIENTS, "day"),
        }
    }
}

impl Span {
    /// Counts one more; whether it is not too many.
    fn takes(&mut self, number: u64, key: &str, most: u32) -> bool {
        if self.number != number {
            *self = Self { number, counts: HashMap::new() };
        }
        let count = self.counts.entry(key.to_owned()).or_default();
        *count = count.saturating_add(1);
        *count <= most
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Means;
    use crate::role::Role;

    fn who(account: &str, role: Role, clients: &[&str]) -> Identity {
        Identity {
            account: account.to_owned(),
            role,
            clients: clients.iter().map(|&client| client.to_owned()).collect(),
            means: Means::Token,
            session: String::new(),
            until: 0,
        }
    }

    /// How many changes are let through at a time.
    fn done(changes: &Changes, who: &Identity, now: u64) -> u32 {
        (0..20_000).filter(|_| changes.enter(who, now).is_ok()).count() as u32
    }

    #[test]
    fn an_account_changes_some_things_in_each_hour_and_day_and_is_in_nobodys_way() {
        let changes = Changes::default();
        let [a, b] = ["a", "b"].map(|name| who(name, Role::Technician, &[]));
        let at = |hour: u64| hour * HOUR;
        assert_eq!((done(&changes, &a, at(0)), done(&changes, &b, at(0))), (3600, 3600));
        assert_eq!(changes.enter(&a, at(0)).unwrap_err().span, "hour");
        assert_eq!((done(&changes, &a, at(1)), done(&changes, &a, at(2))), (3600, 2800));
        assert_eq!(changes.enter(&a, at(3)).unwrap_err().span, "day");
        assert_eq!((done(&changes, &b, at(3)), done(&changes, &a, at(24))), (3600, 3600));
    }

    #[test]
    fn the_accounts_of_one_client_share_a_bound_that_is_no_other_clients() {
        let changes = Changes::default();
        let of = |name, client| who(name, Role::ClientTechnician, &[client]);
        let done = |name, client| done(&changes, &of(name, client), 5);
        assert_eq!((done("a", "acme"), done("b", "acme"), done("c", "acme")), (1000, 1000, 0));
        assert_eq!(done("d", "globex"), 1000);
        // What one of them was refused is not counted for the others.
        assert_eq!((done("d", "globex"), done("e", "globex")), (0, 1000));
    }
}
