//! Many states of one pool, on all cores.

use std::io::{IsTerminal, Write};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use disk::sim::{SimMachine, SimRng};

use crate::check::{Finding, check};
use crate::recording::Recording;

/// How often a person who watches is told how far it is.
const TOLD: Duration = Duration::from_secs(1);

/// Some of the `states` states of a recording.
pub(crate) struct Campaign<'a> {
    pub(crate) recording: &'a Recording,
    pub(crate) seed: u64,
    /// How many there are, over all moments.
    pub(crate) states: u64,
    /// How many there are of all pools together: what this was called with.
    pub(crate) of_all: u64,
    /// Those to look at.
    pub(crate) numbers: Range<u64>,
}

struct Progress {
    next: u64,
    done: u64,
    told: Instant,
    finding: Option<Finding>,
}

impl Campaign<'_> {
    /// Looks at all of them, or until something is wrong. What was done, in a line.
    pub(crate) fn run(&self) -> Result<String, Finding> {
        let began = Instant::now();
        let next = self.numbers.start;
        let progress = Mutex::new(Progress { next, done: 0, told: began, finding: None });
        let cores = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            for _ in 0..cores {
                scope.spawn(|| self.work(&progress));
            }
        });
        let progress = progress.into_inner().unwrap_or_else(PoisonError::into_inner);
        let seconds = began.elapsed().as_secs_f64();
        match progress.finding {
            Some(finding) => Err(finding),
            None => Ok(format!(
                "{:<8}{:>6} crash states at {} moments, nothing lost; {seconds:.0} s",
                self.recording.story.name,
                progress.done,
                self.recording.moments().min(self.states),
            )),
        }
    }

    fn work(&self, progress: &Mutex<Progress>) {
        loop {
            let Some((number, moment, mut rng, state)) = self.next(&mut lock(progress)) else {
                return;
            };
            let checked = AssertUnwindSafe(|| check(self.recording, &state, moment, &mut rng));
            let outcome = catch_unwind(checked).unwrap_or_else(|_| Err("a panic".to_owned()));
            let mut progress = lock(progress);
            progress.done += 1;
            if let Err(finding) = outcome {
                let finding = self.named(number, moment, &finding);
                progress.finding.get_or_insert(finding);
            }
            self.tell(&mut progress);
        }
    }

    /// Takes the next state. Made one after the other: moments that do not fall cost little.
    fn next(&self, progress: &mut Progress) -> Option<(u64, usize, SimRng, SimMachine)> {
        let number = progress.next;
        if number >= self.numbers.end || progress.finding.is_some() {
            return None;
        }
        progress.next += 1;
        let Recording { story, machine, .. } = self.recording;
        let moments = u128::from(self.recording.moments());
        let after = u128::from(number) * moments / u128::from(self.states.max(1));
        let moment = story.made + after as usize;
        let mut rng = SimRng::new(self.seed);
        // Far apart, as numbers that follow one another would give shifted sequences.
        let mut rng = SimRng::new(rng.next_u64() ^ SimRng::new(number).next_u64());
        let state = machine.crashed(moment, &mut rng);
        Some((number, moment, rng, state))
    }

    fn named(&self, number: u64, moment: usize, finding: &str) -> Finding {
        let Self { recording, seed, of_all, .. } = self;
        let pool = &recording.story.name;
        format!(
            "pool {pool}, moment {moment} of {}: {finding}\n\
             again: --seed {seed} --states {of_all} --pool {pool} --only {number}",
            recording.machine.event_count(),
        )
    }

    fn tell(&self, progress: &mut Progress) {
        if progress.told.elapsed() < TOLD || !std::io::stderr().is_terminal() {
            return;
        }
        progress.told = Instant::now();
        let all = self.numbers.end - self.numbers.start;
        let name = &self.recording.story.name;
        // Who does not watch misses nothing.
        let _ = write!(std::io::stderr(), "\r{name}: {} of {all} states ", progress.done);
    }
}

fn lock(progress: &Mutex<Progress>) -> MutexGuard<'_, Progress> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}
