//! One target, run after run, until a limit or a finding.

use std::fmt;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use disk::sim::SimRng;

use crate::caught::catch;
use crate::corpus;
use crate::mutate::mutate;
use crate::target::{Reader, Target};

/// A run that takes longer is a finding: hours of them would hold up a recovery.
const SLOW: Duration = Duration::from_secs(1);

/// Times that a slow run is timed anew: the machine may have been busy with something else.
const RETRIES: usize = 3;

/// A run that takes longer is given up, and the process with it.
const HANGS: Duration = Duration::from_secs(60);

/// The most memory that the process may ever have had, in KiB. The largest input is 2 MiB and the
/// largest thing that a record may open to is 16 MiB; a length that is believed is far above.
const MEMORY_KIB: u64 = 512 << 10;

/// Bytes of an input that a finding shows. Its seed and number make all of it again.
const SHOWN_BYTES: usize = 1024;

/// One run of so many begins with an input that is kept.
const CORPUS_SHARE: u64 = 8;

/// When a target has run enough.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limit {
    Runs(u64),
    Time(Duration),
}

/// A target with the numbers of its runs.
#[derive(Debug)]
pub(crate) struct Campaign<'a> {
    pub(crate) target: &'a Target,
    pub(crate) seed: u64,
    /// The number of the first run.
    pub(crate) first: u64,
    pub(crate) limit: Limit,
}

/// What came of a campaign. The first finding ends it.
#[derive(Debug)]
pub(crate) struct Outcome {
    name: &'static str,
    seed: u64,
    runs: u64,
    elapsed: Duration,
    memory_kib: u64,
    pub(crate) finding: Option<Finding>,
}

/// A run that something is wrong with.
#[derive(Debug)]
pub(crate) struct Finding {
    run: u64,
    what: String,
    input: Vec<u8>,
}

impl Campaign<'_> {
    pub(crate) fn run(&self) -> Outcome {
        let mut reader = (self.target.make)();
        let progress = Arc::new(AtomicU64::new(self.first));
        let guard = guard(self.target.name, self.seed, progress.clone());
        let begin = Instant::now();
        let kept = corpus::inputs(self.target.name);
        let as_they_are = kept.iter().cloned();
        let mut finding =
            as_they_are.filter_map(|kept| self.try_input(reader.as_mut(), self.first, kept)).next();
        let mut run = self.first;
        while finding.is_none() && !self.is_done(run - self.first, begin) {
            progress.store(run, Ordering::Relaxed);
            finding = self.try_run(reader.as_mut(), &kept, run);
            run += 1;
        }
        drop(guard);
        let (elapsed, memory_kib) = (begin.elapsed(), peak_memory_kib());
        if finding.is_none() && memory_kib > MEMORY_KIB {
            let what = format!("the process had {} MiB at some time", memory_kib >> 10);
            finding = Some(Finding { run, what, input: Vec::new() });
        }
        let (name, seed, runs) = (self.target.name, self.seed, run - self.first);
        Outcome { name, seed, runs, elapsed, memory_kib, finding }
    }

    fn is_done(&self, runs: u64, begin: Instant) -> bool {
        match self.limit {
            Limit::Runs(limit) => runs >= limit,
            Limit::Time(limit) => begin.elapsed() >= limit,
        }
    }

    /// The input of a run: the target's own, or one that is kept and then damaged.
    pub(crate) fn input(&self, reader: &mut dyn Reader, kept: &[Vec<u8>], run: u64) -> Vec<u8> {
        let mut rng = random(self.target.name, !self.seed, run);
        if !kept.is_empty() && rng.below(CORPUS_SHARE) == 0 {
            let mut input = kept[rng.below(kept.len() as u64) as usize].clone();
            mutate(&mut rng, &mut input);
            return input;
        }
        reader.input(&mut random(self.target.name, self.seed, run))
    }

    fn try_run(&self, reader: &mut dyn Reader, kept: &[Vec<u8>], run: u64) -> Option<Finding> {
        match catch(|| self.input(reader, kept, run)) {
            Ok(input) => self.try_input(reader, run, input),
            Err(panic) => {
                let what = format!("making the input: {panic}");
                Some(Finding { run, what, input: Vec::new() })
            }
        }
    }

    fn try_input(&self, reader: &mut dyn Reader, run: u64, input: Vec<u8>) -> Option<Finding> {
        let mut least = Duration::MAX;
        for _ in 0..=RETRIES {
            let begin = Instant::now();
            if let Err(what) = catch(|| reader.read(&input)) {
                return Some(Finding { run, what, input });
            }
            least = least.min(begin.elapsed());
            if least <= SLOW {
                return None;
            }
        }
        let what = format!("took {:.1} s at best", least.as_secs_f64());
        Some(Finding { run, what, input })
    }
}

/// The random numbers of a run.
pub(crate) fn random(name: &str, seed: u64, run: u64) -> SimRng {
    let name = name.bytes().fold(0, |sum: u64, byte| sum.rotate_left(7) ^ u64::from(byte));
    let campaign = SimRng::new(seed).next_u64() ^ name;
    SimRng::new(SimRng::new(campaign ^ run).next_u64())
}

/// Ends the process when a run never ends. Dropping the sender calls it off.
fn guard(name: &'static str, seed: u64, progress: Arc<AtomicU64>) -> Sender<()> {
    let (sender, receiver) = mpsc::channel::<()>();
    thread::spawn(move || {
        let mut seen = u64::MAX;
        while receiver.recv_timeout(HANGS) == Err(RecvTimeoutError::Timeout) {
            let run = progress.load(Ordering::Relaxed);
            if run == seen {
                eprintln!("{name}: run {run} does not end; {}", Replay { name, seed, run });
                std::process::exit(1);
            }
            seen = run;
        }
    });
    sender
}

/// The most memory that this process ever had; 0 where the kernel does not tell.
fn peak_memory_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, seed, runs, .. } = *self;
        let (seconds, memory) = (self.elapsed.as_secs_f64(), self.memory_kib >> 10);
        let rate = runs as f64 / seconds.max(1e-9);
        write!(f, "{name:<12}{runs:>10} runs in {seconds:.1} s: {rate:>9.0}/s, {memory} MiB")?;
        let Some(Finding { run, what, input }) = &self.finding else { return Ok(()) };
        let replay = Replay { name, seed, run: *run };
        write!(f, "\n  FOUND in run {run}: {what}\n  again: {replay}\n  input: ")?;
        input.iter().take(SHOWN_BYTES).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        match input.len() {
            0..=SHOWN_BYTES => Ok(()),
            bytes => write!(f, "... ({bytes} bytes)"),
        }
    }
}

/// How to do one run again.
struct Replay {
    name: &'static str,
    seed: u64,
    run: u64,
}

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cargo xtask fuzz {} --seed {} --only {}", self.name, self.seed, self.run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Panics at the first input with an odd first byte.
    struct Touchy;

    impl Reader for Touchy {
        fn input(&mut self, rng: &mut SimRng) -> Vec<u8> {
            rng.next_u64().to_le_bytes().to_vec()
        }

        fn read(&mut self, input: &[u8]) {
            assert!(input[0].is_multiple_of(2), "odd");
        }
    }

    #[test]
    fn a_finding_says_how_to_find_it_again() {
        let target = Target { name: "touchy", about: "", make: || Box::new(Touchy) };
        let from = |first, limit| Campaign { target: &target, seed: 5, first, limit }.run();
        let found = from(0, Limit::Runs(1000)).finding.unwrap();
        let again = from(found.run, Limit::Runs(1));
        let shown = again.to_string();
        assert_eq!(again.finding.unwrap().input, found.input);
        assert!(shown.contains(&format!("fuzz touchy --seed 5 --only {}", found.run)), "{shown}");
        assert!(shown.contains("odd at "), "{shown}");
    }
}
