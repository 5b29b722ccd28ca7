//! The pool's age: seconds that machines have demonstrably run since it was made.
//!
//! The clock on the wall can be set, by mistake or by somebody who wants recovery points gone; the
//! kernel's count of running seconds cannot be. So the age grows by the uptime between two commits
//! of one start of a machine. Of another start nobody knows how much of its uptime the pool was
//! there for, as disks can be put into a machine that has run for years: it counts for a day at
//! most. What a crash loses makes the pool younger than it is, and nothing goes too early.

use format::event::{ClockRow, EVENT_CLOCK};
use model::WallTime;

/// Most seconds of a start's uptime that count before the first commit in it: a box that runs
/// backs up once a day, so it loses nothing, and a change of machines adds no more than this.
pub const MAX_UNSEEN: u64 = 86_400;

/// How long this machine has run, by a clock that nobody can set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uptime {
    /// Different for every start of every machine.
    pub boot: [u8; 16],
    /// Seconds since that start.
    pub seconds: u64,
}

/// What a later age is counted from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Clock {
    newest: Option<ClockRow>,
}

impl Clock {
    /// The pool's age in seconds at `uptime`. A pool that no commit has told it yet is 0.
    pub(crate) fn age(&self, uptime: Uptime) -> u64 {
        let Some(row) = &self.newest else { return 0 };
        let more = match row.boot == uptime.boot {
            true => uptime.seconds.saturating_sub(row.uptime),
            false => uptime.seconds.min(MAX_UNSEEN),
        };
        row.age.saturating_add(more)
    }

    /// What a commit at `uptime` says of the age.
    pub(crate) fn row(&self, uptime: Uptime, wall: WallTime) -> ClockRow {
        ClockRow {
            kind: EVENT_CLOCK,
            reserved: [0; 7],
            age: self.age(uptime),
            boot: uptime.boot,
            uptime: self.counted(uptime.boot).max(uptime.seconds),
            wall,
            reserved2: 0,
        }
    }

    /// Takes what a commit said. The age never goes back, whatever stands there, and no second of
    /// a start counts twice.
    pub(crate) fn take(&mut self, row: ClockRow) {
        let age = self.newest.map_or(0, |newest| newest.age).max(row.age);
        let uptime = self.counted(row.boot).max(row.uptime);
        self.newest = Some(ClockRow { age, uptime, ..row });
    }

    /// Up to which second of a start the age has counted. A commit may bring an uptime from before
    /// that: a long ingest takes it at its begin.
    fn counted(&self, boot: [u8; 16]) -> u64 {
        self.newest.filter(|newest| newest.boot == boot).map_or(0, |newest| newest.uptime)
    }

    pub(crate) fn newest(&self) -> Option<&ClockRow> {
        self.newest.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(boot: u8, seconds: u64) -> Uptime {
        Uptime { boot: [boot; 16], seconds }
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
