//! How the engine itself has lived: ends that nobody asked for, time that the box ran, and clocks
//! that were set.

use std::sync::Mutex;

use health::facts::{Jump, Restarts, Uptimes};
use model::Span;
use serde::{Deserialize, Serialize};

use crate::engine::lock;
use crate::error::Result;
use crate::jobs::Moment;
use crate::state::State;

/// Under which name it is kept.
const LIFE: &str = "life";

const DAY: u64 = 86_400;

/// Days over which it is seen how much the box ran.
const MARKS: usize = 30;

/// Restarts that are remembered: more in a day are told as so many.
const MOST: usize = 1000;

/// Seconds between the two clocks that are no jump: both are read to whole seconds, and a clock
/// that time servers slew gains less between two looks.
const SLEWED: u64 = 3;

/// What is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    /// Which start of the machine it is.
    boot: String,
    /// The engine runs, or ended without a word.
    alive: bool,
    /// Restarts since the machine was started.
    restarts: u32,
    /// The pool's age at restarts of the last day.
    ends: Vec<u64>,
    /// The pool's age and the clock on the wall, once a day.
    marks: Vec<(u64, u64)>,
}

/// The engine's own history.
#[derive(Debug)]
pub(crate) struct Life {
    kept: Mutex<Kept>,
    clocks: Mutex<Clocks>,
}

/// Both clocks as they were seen last.
#[derive(Debug, Default)]
struct Clocks {
    last: Option<Moment>,
    /// By how many seconds the wall's was set, forward or not, and when by running time.
    jump: Option<(u64, bool, u64)>,
}

impl Life {
    /// The engine begins, at this age of the pool.
    pub(crate) fn begin(state: &State, boot: &str, age: u64) -> Result<Self> {
        let mut kept = state.value::<Kept>(LIFE)?.unwrap_or_default();
        if kept.boot != boot {
            (kept.boot, kept.restarts) = (boot.to_owned(), 0);
        } else if kept.alive {
            kept.restarts = kept.restarts.saturating_add(1);
            kept.ends.push(age);
        }
        kept.alive = true;
        let excess = kept.ends.len().saturating_sub(MOST);
        kept.ends.drain(..excess);
        let life = Self { kept: Mutex::new(kept), clocks: Mutex::default() };
        life.keep(state)?;
        Ok(life)
    }

    /// The engine ends because it was asked to.
    pub(crate) fn end(&self, state: &State) -> Result<()> {
        lock(&self.kept).alive = false;
        self.keep(state)
    }

    fn keep(&self, state: &State) -> Result<()> {
        let kept = lock(&self.kept);
        state.keep_value(LIFE, &*kept)
    }

    /// Looks at the clocks: at this age of the pool it is `now`.
    pub(crate) fn look(&self, state: &State, age: u64, now: Moment) -> Result<()> {
        lock(&self.clocks).look(now);
        let is_due = lock(&self.kept).mark(age, now.wall);
        if is_due { self.keep(state) } else { Ok(()) }
    }

    /// Restarts since the machine was started.
    pub(crate) fn restarts_since_boot(&self) -> u32 {
        lock(&self.kept).restarts
    }

    pub(super) fn restarts(&self, age: u64) -> Restarts {
        let kept = lock(&self.kept);
        let mut late = kept.ends.iter().filter(|end| age.saturating_sub(**end) < DAY);
        Restarts {
            count: late.clone().count() as u32,
            last: late.next_back().map(|end| Span(age.saturating_sub(*end))),
        }
    }

    pub(super) fn uptimes(&self, age: u64, wall: u64) -> Option<Uptimes> {
        let (began, since) = *lock(&self.kept).marks.first()?;
        let (wall, ran) = (wall.saturating_sub(since), age.saturating_sub(began));
        // Seconds that one clock has counted and the other has not yet say nothing.
        let told = |span| if wall < DAY { Span(0) } else { Span(span) };
        Some(Uptimes { wall: told(wall), ran: told(ran) })
    }

    pub(super) fn jump(&self, running: u64) -> Option<Jump> {
        let (by, forward, when) = lock(&self.clocks).jump?;
        Some(Jump { by: Span(by), forward, ago: Span(running.saturating_sub(when)) })
    }
}

impl Kept {
    /// Notes the day, if it is a new one.
    fn mark(&mut self, age: u64, wall: u64) -> bool {
        let is_due = self.marks.last().is_none_or(|(last, _)| age >= last + DAY);
        if is_due {
            self.marks.push((age, wall));
            let excess = self.marks.len().saturating_sub(MARKS);
            self.marks.drain(..excess);
        }
        is_due
    }
}

impl Clocks {
    fn look(&mut self, now: Moment) {
        if let Some(last) = self.last.replace(now) {
            let expected = last.wall.saturating_add(now.running.saturating_sub(last.running));
            let by = now.wall.abs_diff(expected);
            if by > SLEWED {
                self.jump = Some((by, now.wall > expected, now.running));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(folder: &tempfile::TempDir) -> State {
        State::open(&folder.path().join("state.sqlite")).unwrap()
    }

    #[test]
    fn an_end_that_nobody_asked_for_is_a_restart_and_one_of_the_machine_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(&folder);
        let count = |life: &Life, age| (life.restarts_since_boot(), life.restarts(age).count);
        let first = Life::begin(&state, "a", 10).unwrap();
        assert_eq!(count(&first, 10), (0, 0));
        let killed = Life::begin(&state, "a", 20).unwrap();
        assert_eq!(count(&killed, 50), (1, 1));
        assert_eq!(killed.restarts(50).last, Some(Span(30)));
        killed.end(&state).unwrap();
        let asked = Life::begin(&state, "a", 60).unwrap();
        assert_eq!(count(&asked, 60), (1, 1));
        assert_eq!(count(&asked, 20 + DAY), (1, 0));
        let after_power_cut = Life::begin(&state, "b", 70).unwrap();
        assert_eq!(count(&after_power_cut, 70), (0, 1));
    }

    #[test]
    fn a_clock_that_is_set_is_seen_and_one_that_is_slewed_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(&folder);
        let life = Life::begin(&state, "a", 0).unwrap();
        let look = |running, wall| life.look(&state, running, Moment { running, wall }).unwrap();
        look(100, 1000);
        look(130, 1032);
        assert_eq!(life.jump(130), None);
        look(160, 4662);
        assert_eq!(life.jump(170), Some(Jump { by: Span(3600), forward: true, ago: Span(10) }));
        look(190, 1092);
        assert!(life.jump(190).is_some_and(|jump| !jump.forward));
    }

    fn look_at_first(life: &Life, state: &State) {
        life.look(state, 0, Moment { running: 0, wall: 0 }).unwrap();
        let times = life.uptimes(0, 1).unwrap();
        assert_eq!((times.ran, times.wall), (Span(0), Span(0)), "too short to tell");
    }

    #[test]
    fn time_that_the_box_was_off_is_seen_over_thirty_days() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(&folder);
        let life = Life::begin(&state, "a", 0).unwrap();
        assert_eq!(life.uptimes(0, 50), None);
        look_at_first(&life, &state);
        // It runs every second day.
        for day in 0..100 {
            let now = Moment { running: day * DAY, wall: 2 * day * DAY };
            life.look(&state, day * DAY, now).unwrap();
        }
        let times = life.uptimes(100 * DAY, 200 * DAY).unwrap();
        assert_eq!((times.ran, times.wall), (Span(30 * DAY), Span(60 * DAY)));
        let again = Life::begin(&state, "a", 100 * DAY).unwrap();
        assert_eq!(again.uptimes(100 * DAY, 200 * DAY), Some(times));
    }
}
