//! Which sign-ins are written down one by one: who signs in again and again, or tries to, must not
//! push everything else out of the audit log.
//!
//! Within an hour the first ones are. What comes then is counted, and written down as a sum when
//! the hour is over; of an hour in which the service ends, nobody knows the sum.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::problem::Kind;
use crate::state::Audited;

const HOUR: u64 = 3600;

/// Sign-ins of one account by its right password that are written down one by one.
const RIGHT: u64 = 10;

/// The same of one account from one address in vain.
const REFUSED: u64 = 1;

/// Accounts and addresses that are told apart, of sign-ins in vain: whoever has many of both makes
/// no more of the log than this.
const MOST_REFUSED: usize = 20;

/// Addresses that a sum names.
const ADDRESSES: usize = 8;

/// Decides what is written down of sign-ins.
#[derive(Debug, Default)]
pub(crate) struct SignIns {
    hour: Mutex<Hour>,
}

/// Sign-ins of an hour, by its number since 1970.
#[derive(Debug, Default)]
struct Hour {
    number: u64,
    /// Those by the right password, with a code still wanted or not, by account and outcome: no
    /// noise of guesses hides that somebody has it.
    right: BTreeMap<[String; 2], Again>,
    /// By account, address and outcome.
    refused: BTreeMap<[String; 3], Again>,
    /// In vain, beyond those that are told apart.
    others: Option<Again>,
}

/// What is the same but for its time.
#[derive(Debug)]
struct Again {
    /// The first.
    of: Audited,
    /// How many more are only counted, and from where.
    counted: u64,
    from: BTreeSet<String>,
    /// How many were written down one by one.
    written: u64,
}

impl SignIns {
    /// Takes in one at this time in seconds; gives what is to be written down now.
    pub(crate) fn note(&self, entry: Audited, now: u64) -> Vec<Audited> {
        let mut hour = self.hour();
        let mut written = hour.begin(now);
        match hour.takes(&entry) {
            true => written.push(entry),
            false => {
                let Audited { from, account, outcome, .. } = &entry;
                log::warn!("{from}: {account} signs in again and again: {outcome}");
            }
        }
        written
    }

    /// The sums of an hour that is over.
    pub(crate) fn over(&self, now: u64) -> Vec<Audited> {
        self.hour().begin(now)
    }

    fn hour(&self) -> MutexGuard<'_, Hour> {
        self.hour.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hour {
    /// Begins another hour if this one is over; the sums of it.
    fn begin(&mut self, now: u64) -> Vec<Audited> {
        let number = now / HOUR;
        if self.number == number {
            return Vec::new();
        }
        let Self { right, refused, others, .. } =
            std::mem::replace(self, Self { number, ..Self::default() });
        let all = right.into_values().chain(refused.into_values()).chain(others);
        all.filter_map(Again::sum).collect()
    }

    /// Whether one is to be written down by itself.
    fn takes(&mut self, entry: &Audited) -> bool {
        let Audited { account, from, outcome, .. } = entry;
        if outcome == "done" || outcome == Kind::SecondFactor.word() {
            let again = self.right.entry([account.clone(), outcome.clone()]);
            return again.or_insert_with(|| Again::new(entry)).takes(from, RIGHT);
        }
        let key = [account.clone(), from.clone(), outcome.clone()];
        if self.refused.len() < MOST_REFUSED || self.refused.contains_key(&key) {
            let again = self.refused.entry(key);
            return again.or_insert_with(|| Again::new(entry)).takes(from, REFUSED);
        }
        let others = self.others.get_or_insert_with(|| {
            Again::new(&Audited { account: "?".to_owned(), ..entry.clone() })
        });
        others.takes(from, 0)
    }
}

impl Again {
    fn new(of: &Audited) -> Self {
        Self { of: of.clone(), counted: 0, from: BTreeSet::new(), written: 0 }
    }

    /// Whether one more is to be written down by itself, as are so many; else it is counted.
    fn takes(&mut self, from: &str, singly: u64) -> bool {
        if self.written < singly {
            self.written += 1;
            return true;
        }
        self.counted = self.counted.saturating_add(1);
        // One more than are named, as the sign that there are more.
        if self.from.len() <= ADDRESSES {
            self.from.insert(from.to_owned());
        }
        false
    }

    /// What was counted, as one entry.
    fn sum(self) -> Option<Audited> {
        if self.counted == 0 {
            return None;
        }
        let more = if self.from.len() > ADDRESSES { " and others" } else { "" };
        let named: Vec<String> = self.from.into_iter().take(ADDRESSES).collect();
        let facts = format!("{} more within an hour", self.counted);
        Some(Audited { from: named.join(", ") + more, facts, ..self.of })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(account: &str, from: &str, outcome: &str) -> Audited {
        let [account, from, outcome] = [account, from, outcome].map(str::to_owned);
        Audited { account, from, outcome, ..Audited::default() }
    }

    /// What a sum says.
    fn said(sums: &[Audited]) -> Vec<[&str; 4]> {
        let said = sums.iter();
        said.map(|sum| [&*sum.account, &*sum.from, &*sum.outcome, &*sum.facts]).collect()
    }

    #[test]
    fn what_comes_again_and_again_is_one_entry_with_a_count_when_its_hour_is_over() {
        let sign_ins = SignIns::default();
        let note = |entry: &Audited, at| sign_ins.note(entry.clone(), at);
        let (wrong, right) = (entry("a", "::1", "anonymous"), entry("a", "::2", "done"));
        assert_eq!(note(&wrong, 7200), std::slice::from_ref(&wrong));
        assert!((0..500).all(|_| note(&wrong, 7300).is_empty()));
        let written = (0..500).filter(|_| note(&right, 7400) == [right.clone()]).count();
        assert_eq!(written, RIGHT as usize, "who was let in is seen all the same");
        let another = entry("b", "::2", "done");
        assert_eq!(note(&another, 7500), std::slice::from_ref(&another));
        assert!(sign_ins.over(10_799).is_empty());
        assert_eq!(
            said(&sign_ins.over(10_800)),
            [
                ["a", "::2", "done", "490 more within an hour"],
                ["a", "::1", "anonymous", "500 more within an hour"],
            ]
        );
        assert!(sign_ins.over(99_999).is_empty(), "once");
        assert_eq!(note(&wrong, 99_999).len(), 1, "another hour is another occasion");
    }

    #[test]
    fn many_addresses_and_names_make_no_more_of_the_log() {
        let sign_ins = SignIns::default();
        let wrong = |number: u64| entry(&format!("n{number}"), &format!("::{number}"), "anonymous");
        let written = |entry| sign_ins.note(entry, 5).len();
        assert_eq!((10..1000).map(|number| written(wrong(number))).sum::<usize>(), MOST_REFUSED);
        // Neither do they hide that somebody has a password.
        for outcome in ["second-factor", "done"] {
            assert_eq!(written(entry("a", "::1", outcome)), 1);
        }
        let named = "::30, ::31, ::32, ::33, ::34, ::35, ::36, ::37 and others";
        let sum = ["?", named, "anonymous", "970 more within an hour"];
        assert_eq!(said(&sign_ins.over(HOUR)), [sum]);
    }
}
