//! The pool's age: seconds that have demonstrably passed since it was made.
//!
//! The clock on the wall can be set, by mistake or by somebody who wants recovery points gone; the
//! kernel's count of running seconds cannot be. So the age grows by the uptime between two commits
//! of one start of a machine. Of another start nobody knows how much of its uptime the pool was
//! there for, as disks can be put into a machine that has run for years: it counts for a day at
//! most. What a crash loses makes the pool younger than it is, and nothing goes too early.
//!
//! Time that the machine was off counts if servers that prove who they are have told the time in
//! the start before it and by the first commit after it: not later, as what was made meanwhile
//! would be older at once than it is, and for a month at most, should they lie.

use format::event::{ClockRow, EVENT_CLOCK};
use model::{Uptime, WallTime};

/// Most seconds of a start's uptime that count before the first commit in it: a box that runs
/// backs up once a day, so it loses nothing, and a change of machines adds no more than this.
pub const MAX_UNSEEN: u64 = 86_400;

/// Most seconds for which a machine is taken to have been off before a start.
pub const MAX_OFF: u64 = 31 * 86_400;

/// What a later age is counted from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Clock {
    newest: Option<ClockRow>,
    settled: Option<Settled>,
}

/// What was made of the time before a start, by whoever made the first commit in it ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Settled {
    boot: [u8; 16],
    was_off: u64,
}

impl Clock {
    /// The pool's age in seconds at `uptime`. A pool that no commit has told it yet is 0.
    pub(crate) fn age(&self, uptime: Uptime) -> u64 {
        self.row(uptime, WallTime(0)).age
    }

    /// What a commit at `uptime` says of the age.
    pub(crate) fn row(&self, uptime: Uptime, wall: WallTime) -> ClockRow {
        let told = uptime.proven.map_or(0, |time| time.0);
        let mut row = ClockRow {
            kind: EVENT_CLOCK,
            reserved: [0; 7],
            age: 0,
            boot: uptime.boot,
            uptime: uptime.seconds,
            wall,
            proven: WallTime(told),
        };
        let Some(newest) = self.newest else { return row };
        let same = newest.boot == uptime.boot;
        let ran = match same {
            true => uptime.seconds.saturating_sub(newest.uptime),
            false => uptime.seconds.min(MAX_UNSEEN),
        };
        let known = Some(newest.proven.0).filter(|known| *known != 0);
        let earliest = known.map_or(0, |known| known.saturating_add(ran));
        let by_proof = match known.is_some() && !same {
            true => told.saturating_sub(earliest).min(MAX_OFF),
            false => 0,
        };
        let settled = self.settled.filter(|settled| settled.boot == uptime.boot && !same);
        let was_off = settled.map_or(by_proof, |settled| settled.was_off);
        row.age = newest.age.saturating_add(ran).saturating_add(was_off);
        // Of a start without proof nobody knows when it was: counted from before it, time off
        // would age what was made in it.
        row.proven = if same || told != 0 { WallTime(earliest.max(told)) } else { WallTime(0) };
        row.uptime = if same { newest.uptime.max(uptime.seconds) } else { uptime.seconds };
        row
    }

    /// The pool's age at `uptime` for what is made to be committed. Proof that comes after it makes
    /// no time off count any more in this start, though nothing is committed yet.
    pub(crate) fn settle(&mut self, uptime: Uptime) -> u64 {
        let age = self.age(uptime);
        let first = self.newest.is_none_or(|newest| newest.boot != uptime.boot);
        if first && !self.is_settled(uptime) {
            let unproven = self.age(Uptime { proven: None, ..uptime });
            self.settled = Some(Settled { boot: uptime.boot, was_off: age - unproven });
        }
        age
    }

    fn is_settled(&self, uptime: Uptime) -> bool {
        self.settled.is_some_and(|settled| settled.boot == uptime.boot)
    }

    /// Whether time that the machine was off would count if somebody proved it before the next
    /// commit.
    pub(crate) fn awaits_proof(&self, uptime: Uptime) -> bool {
        let first = |newest: &ClockRow| newest.boot != uptime.boot && newest.proven.0 != 0;
        uptime.proven.is_none()
            && !self.is_settled(uptime)
            && self.newest.as_ref().is_some_and(first)
    }

    /// Takes what a commit said. The age never goes back, whatever stands there, and no second of
    /// a start counts twice.
    pub(crate) fn take(&mut self, row: ClockRow) {
        let newest = self.newest.unwrap_or(row);
        // A commit may bring an uptime from before that: a long ingest takes it at its begin.
        let same = newest.boot == row.boot;
        let (counted, proven) =
            if same { (newest.uptime, newest.proven) } else { (0, WallTime(0)) };
        self.newest = Some(ClockRow {
            age: newest.age.max(row.age),
            proven: proven.max(row.proven),
            uptime: counted.max(row.uptime),
            ..row
        });
    }

    pub(crate) fn newest(&self) -> Option<&ClockRow> {
        self.newest.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(boot: u8, seconds: u64) -> Uptime {
        Uptime { boot: [boot; 16], seconds, proven: None }
    }

    fn proven(boot: u8, seconds: u64, time: u64) -> Uptime {
        Uptime { proven: Some(WallTime(time)), ..at(boot, seconds) }
    }

    const DAY: u64 = 86_400;

    #[test]
    fn time_that_the_machine_was_off_counts_if_it_is_proven_at_once() {
        let mut clock = Clock::default();
        let mut say = |uptime, expected| {
            assert_eq!(clock.age(uptime), expected, "{uptime:?}");
            clock.take(clock.row(uptime, WallTime(0)));
            assert_eq!(clock.age(uptime), expected, "after {uptime:?}");
        };
        let noon = 1_800_000_000;
        say(at(1, 100), 0);
        say(at(1, 200), 100);
        // What was before is not known.
        say(proven(1, 300, noon), 200);
        say(proven(1, 400, noon + 100), 300);
        say(at(1, 500), 400);
        // Off for a day, and somebody says so before anything else happens; then again.
        say(proven(2, 90, noon + DAY + 290), 490 + DAY);
        say(proven(2, 100, noon + DAY + 300), 500 + DAY);
        say(at(2, 200), 600 + DAY);
        // Who says so too late ages nothing that was made since; the next start counts from then.
        say(at(3, 1000), 1600 + DAY);
        say(proven(3, 1100, noon + 3 * DAY), 1700 + DAY);
        say(proven(4, 10, noon + 3 * DAY + 60), 1760 + DAY);
        // Nor does it count later on, of a start in which nobody said so.
        say(at(5, 10), 1770 + DAY);
        say(proven(6, 10, noon + 9 * DAY), 1780 + DAY);
        say(proven(7, 10, noon + 10 * DAY), 1780 + 2 * DAY);
    }

    #[test]
    fn what_is_made_to_be_committed_settles_whether_time_off_counts() {
        let noon = 1_800_000_000;
        let mut clock = Clock::default();
        clock.take(clock.row(proven(1, 10, noon), WallTime(0)));
        assert_eq!(clock.age(proven(2, 5, noon + DAY)), DAY, "nothing is made yet");
        assert_eq!(clock.settle(at(2, 5)), 5);
        assert!(!clock.awaits_proof(at(2, 5)));
        assert_eq!(clock.row(proven(2, 6, noon + DAY), WallTime(0)).age, 6, "it came too late");
        clock.take(clock.row(proven(2, 7, noon + DAY), WallTime(0)));
        assert_eq!(clock.settle(proven(3, 5, noon + 2 * DAY)), 7 + DAY);
        assert_eq!(clock.row(at(3, 6), WallTime(0)).age, 8 + DAY, "it stays so without proof");
    }

    #[test]
    fn proof_is_awaited_until_a_start_has_its_first_commit() {
        let mut clock = Clock::default();
        assert!(!clock.awaits_proof(at(1, 5)), "nothing was known before");
        clock.take(clock.row(proven(1, 5, 1_800_000_000), WallTime(0)));
        assert!(!clock.awaits_proof(at(1, 6)), "it was not off");
        assert!(clock.awaits_proof(at(2, 6)));
        assert!(!clock.awaits_proof(proven(2, 7, 1_800_000_100)), "it is there");
        clock.take(clock.row(at(2, 8), WallTime(0)));
        assert!(!clock.awaits_proof(at(2, 9)), "it would be too late");
    }

    #[test]
    fn servers_that_lie_add_a_month_for_each_start_and_take_nothing_back() {
        let (noon, ten_years) = (1_800_000_000, 3652 * DAY);
        let mut clock = Clock::default();
        let mut say = |uptime| {
            clock.take(clock.row(uptime, WallTime(0)));
            clock.age(uptime)
        };
        say(proven(1, 0, noon));
        assert_eq!(say(proven(1, 10, noon + ten_years)), 10, "it was not off");
        assert_eq!(say(proven(2, 0, noon + 2 * ten_years)), 10 + MAX_OFF);
        assert_eq!(say(proven(2, 10, noon + 4 * ten_years)), 20 + MAX_OFF);
        assert_eq!(say(proven(3, 0, noon)), 20 + MAX_OFF, "it goes on from where they had it");
        assert_eq!(say(proven(3, 10, u64::MAX)), 30 + MAX_OFF);
        assert_eq!(say(proven(4, 10, u64::MAX)), 40 + MAX_OFF);
    }

    #[test]
    fn the_age_is_what_machines_ran_and_never_goes_back() {
        let mut clock = Clock::default();
        let mut say = |uptime, expected| {
            assert_eq!(clock.age(uptime), expected, "{uptime:?}");
            let row = clock.row(uptime, WallTime(0));
            clock.take(row);
            assert_eq!(clock.age(uptime), expected, "after {uptime:?}");
        };
        say(at(1, 5000), 0);
        say(at(1, 6000), 1000);
        say(at(1, 5900), 1000);
        say(at(2, 300), 1300);
        say(at(2, 400), 1400);
        // Into a machine that has run for a year, and back.
        say(at(3, 31_536_000), 1400 + MAX_UNSEEN);
        say(at(3, 31_536_001), 1401 + MAX_UNSEEN);
        say(at(2, 500), 1901 + MAX_UNSEEN);
    }

    #[test]
    fn no_second_counts_twice_when_a_commit_brings_an_older_uptime() {
        let mut clock = Clock::default();
        clock.take(clock.row(at(1, 1000), WallTime(0)));
        clock.take(clock.row(at(1, 5000), WallTime(0)));
        clock.take(clock.row(at(1, 2000), WallTime(0)));
        assert_eq!(clock.age(at(1, 5000)), 4000);
        assert_eq!(clock.age(at(1, 6000)), 5000);
    }

    #[test]
    fn a_row_from_an_older_past_takes_nothing_back() {
        let mut clock = Clock::default();
        let row = clock.row(at(1, 0), WallTime(0));
        clock.take(ClockRow { age: 1000, ..row });
        clock.take(ClockRow { age: 10, uptime: 50, ..row });
        assert_eq!(clock.age(at(1, 60)), 1010);
        clock.take(ClockRow { age: u64::MAX, ..row });
        assert_eq!(clock.age(at(1, 60)), u64::MAX);
    }
}
