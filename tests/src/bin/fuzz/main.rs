//! Seeded fuzzing of everything that reads bytes which somebody else may have written.
//!
//! Inputs start as what the crates' own encoders write, so that they reach deep, and are then
//! damaged; where a checksum would stop all of them at the door, the damage is signed again. The
//! number of a run and the seed make its input, so a run repeats on any machine, alone. Some begin
//! with an input of the committed corpus instead, which is also read as it is at the start of every
//! campaign. What is looked for: a panic, a run that takes over a second, memory without
//! bound, and what each target says besides (mostly that decoding what was encoded again gives the
//! same).
//!
//! There is no feedback from coverage; that needs another compiler. The structure of the inputs
//! stands in for it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a target complains")]

mod agent;
mod caught;
mod checkpoint;
mod chunk;
mod corpus;
mod envelope;
mod event;
mod forged;
mod image;
mod keyring;
mod log;
mod make;
mod manifest;
mod mutate;
mod nbd;
mod pool;
mod request;
mod run;
mod segment;
mod sign;
mod small_pool;
mod source;
mod superblock;
mod target;

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use clap::Parser;

use crate::run::{Campaign, Limit};
use crate::target::{TARGETS, Target};

#[derive(Debug, Parser)]
#[command(name = "fuzz", about = "Feeds damaged bytes to whatever reads bytes")]
struct Args {
    /// One target; all of them without this
    target: Option<String>,

    /// Which inputs: another seed gives others
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// For how long each target runs
    #[arg(long, default_value_t = 10)]
    seconds: u64,

    /// How many targets run at a time
    #[arg(long, default_value_t = 1)]
    jobs: usize,

    /// Do this one run alone, as a finding names it
    #[arg(long, value_name = "NUMBER", requires = "target")]
    only: Option<u64>,

    /// Keep the input of this run in the corpus
    #[arg(long, requires = "only")]
    keep: bool,

    /// Print the targets
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if args.list {
        TARGETS.iter().for_each(|target| println!("{:<12}{}", target.name, target.about));
        return ExitCode::SUCCESS;
    }
    let chosen: Vec<&Target> = TARGETS.iter().filter(|target| args.wants(target)).collect();
    if chosen.is_empty() {
        eprintln!("fuzz: no such target; --list shows them");
        return ExitCode::FAILURE;
    }
    if args.all_are_clean(&chosen) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Args {
    fn wants(&self, target: &Target) -> bool {
        self.target.as_ref().is_none_or(|name| name == target.name)
    }

    /// Runs the targets, some at a time; whether nothing was found.
    fn all_are_clean(&self, chosen: &[&Target]) -> bool {
        let (next, findings) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                scope.spawn(|| {
                    while let Some(target) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                        findings.fetch_add(usize::from(!self.is_clean(target)), Ordering::Relaxed);
                    }
                });
            }
        });
        findings.into_inner() == 0
    }

    /// Runs a target and prints what came of it; whether nothing was found.
    fn is_clean(&self, target: &Target) -> bool {
        let (first, limit) = match self.only {
            Some(run) => (run, Limit::Runs(1)),
            None => (0, Limit::Time(Duration::from_secs(self.seconds))),
        };
        let campaign = Campaign { target, seed: self.seed, first, limit };
        if self.keep {
            let name = format!("seed-{}-run-{first}", self.seed);
            let kept = corpus::inputs(target.name);
            let input = campaign.input((target.make)().as_mut(), &kept, first);
            match corpus::keep(target.name, &name, &input) {
                Ok(file) => println!("{} bytes kept in {}", input.len(), file.display()),
                Err(error) => eprintln!("fuzz: the input is not kept: {error}"),
            }
        }
        let outcome = campaign.run();
        println!("{outcome}");
        outcome.finding.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test for each target, so that they run side by side and a failure names its target;
    /// with so many runs that it takes about two seconds.
    macro_rules! find_nothing {
        ($($target:ident: $runs:literal),* $(,)?) => {
            mod finds_nothing {
                $(#[test]
                fn $target() {
                    super::find_nothing(stringify!($target), $runs);
                })*
            }

            #[test]
            fn every_target_is_tested() {
                assert!(TARGETS.iter().map(|target| target.name).eq([$(stringify!($target)),*]));
            }
        };
    }

    find_nothing! {
        superblock: 100_000,
        segment: 40_000,
        log: 50_000,
        checkpoint: 80_000,
        manifest: 200_000,
        event: 300_000,
        keyring: 5_000,
        envelope: 4_000,
        nbd: 150_000,
        request: 150_000,
        agent: 150_000,
        source: 12_000,
        address: 200_000,
        image: 40_000,
        chunk: 2_000,
        pool: 400,
        forged: 400,
    }

    fn find_nothing(name: &str, runs: u64) {
        let target = TARGETS.iter().find(|target| target.name == name).unwrap();
        let outcome = Campaign { target, seed: 1, first: 0, limit: Limit::Runs(runs) }.run();
        println!("{outcome}");
        assert!(outcome.finding.is_none(), "{outcome}");
    }

    #[test]
    fn what_is_kept_is_read_by_its_target() {
        let kept = TARGETS.iter().filter(|target| !corpus::inputs(target.name).is_empty());
        // Pools are too large to be kept, and made of what others read; chunks are any bytes.
        let without = ["chunk", "pool", "forged"];
        assert!(
            kept.map(|target| target.name).eq(TARGETS
                .iter()
                .map(|target| target.name)
                .filter(|name| !without.contains(name)))
        );
    }

    #[test]
    fn a_run_can_be_repeated_alone() {
        for target in TARGETS {
            let input = |run| (target.make)().input(&mut run::random(target.name, 7, run));
            assert_eq!(input(3), input(3), "{}", target.name);
            assert!((4..40).any(|run| input(run) != input(3)), "{}", target.name);
        }
    }
}
