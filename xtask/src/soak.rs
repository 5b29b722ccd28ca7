//! `cargo xtask soak`: the campaigns of the tests, from seeds that nobody has tried, for as long as
//! there is time.
//!
//! A round begins all campaigns at a seed of its own. The build is optimised and keeps every check
//! that `cargo test` has. A failure ends the run with the command that replays it; the end of each
//! round says how much was gone through for each goal by then. What needs a real kernel comes once,
//! after the last round: under emulation it takes about half an hour, which a round need not wait
//! for.

mod heard;
mod ledger;

use std::process::Command;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::fuzz::CHECKED;
use crate::guest;
use crate::process::{cargo, command, quiet, shown, target_folder};
use crate::soak::heard::{Totals, listened};
use crate::soak::ledger::Ledger;
use crate::test::{PLANTED, SCHEDULES};

/// Seeds of one round: no campaign goes through more.
const ROUND_SEEDS: u64 = 10_000_000;

/// Seconds for each fuzz target in a round of 100 percent.
const FUZZ_SECONDS: u64 = 28;

/// What a round has more of than `cargo xtask test`, in percent of it: so all goals are reached
/// together, after about 22 rounds.
const FLIPS: u32 = 275;
const LIES: u32 = 120;
const HUNTS: u32 = 300;
const SCHEDULE_SHARE: u32 = 450;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The first seed: another one tries other histories
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// For how long; the round that is under way then is finished. What a run with this seed went
    /// through before, at this commit, is kept: it goes on with the round after that
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,

    /// How long a round is, in percent: about 22 rounds of 100 percent reach all goals
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    percent: u32,

    /// Only these campaigns, each with its own count of rounds; all without this
    #[arg(long = "only", value_name = "PART", value_enum)]
    parts: Vec<Part>,

    /// Only what needs a real kernel, or a part of it
    #[arg(long, value_name = "PART", num_args = 0..=1, default_missing_value = "all",
          conflicts_with_all = ["minutes", "percent", "parts"])]
    guest: Option<guest::Part>,
}

/// Campaigns that a soak can be confined to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
enum Part {
    /// The store and the catalog on simulated disks: R1, R3 to R6, R9, R10
    Store,
    /// The planted bugs: R2
    Planted,
    /// Orders in which tasks meet: R13
    Schedules,
    /// Kills of the command and the engine: R7
    Kills,
    /// The parsers: R12
    Fuzz,
}

impl Part {
    /// In the order in which a round has them.
    const ALL: [Self; 5] = [Self::Store, Self::Planted, Self::Schedules, Self::Kills, Self::Fuzz];
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let commit = quiet(command("git").args(["describe", "--always", "--dirty", "--exclude=*"]))?;
    if let Some(part) = args.guest {
        let outcome = guest::run(part, args.seed);
        return outcome.map_err(|error| guest_failed(error, commit.trim(), args.seed));
    }
    let (begin, time) = (Instant::now(), Duration::from_secs(60 * args.minutes));
    let parts =
        Part::ALL.into_iter().filter(|part| args.parts.is_empty() || args.parts.contains(part));
    let parts: Vec<Part> = parts.collect();
    let mut ledger = Ledger::of(commit.trim(), args.seed, args.percent, &parts_name(&parts));
    if ledger.rounds > 0 {
        println!("==> going on after {} rounds", ledger.rounds);
    }
    while ledger.rounds == 0 || begin.elapsed() < time {
        let seed = args.seed.wrapping_add(ledger.rounds).wrapping_mul(ROUND_SEEDS);
        println!("==> round {} at {}, seeds from {seed}", ledger.rounds + 1, commit.trim());
        let round = Round { seed, percent: args.percent, commit: commit.trim() };
        parts.iter().try_for_each(|part| round.run(*part, &mut ledger.totals))?;
        ledger.round_done()?;
        println!("    {:.0} minutes so far; for each goal:", begin.elapsed().as_secs_f64() / 60.0);
        ledger.totals.lines().for_each(|line| println!("{line}"));
    }
    if parts.len() == Part::ALL.len() {
        let guest = guest::run(guest::Part::All, args.seed);
        guest.map_err(|error| guest_failed(error, commit.trim(), args.seed))?;
    }
    println!("{} rounds at {} without a failure", ledger.rounds, commit.trim());
    Ok(())
}

/// What some of the campaigns are called together; nothing for all.
fn parts_name(parts: &[Part]) -> String {
    match parts.len() == Part::ALL.len() {
        true => String::new(),
        false => parts.iter().map(|part| format!("-{part:?}").to_lowercase()).collect(),
    }
}

struct Round<'a> {
    seed: u64,
    percent: u32,
    commit: &'a str,
}

impl Round<'_> {
    fn run(&self, part: Part, totals: &mut Totals) -> Result<()> {
        match part {
            Part::Store => {
                self.campaigns("store", &["--skip", "::flips::", "--skip", "::lies::"], totals)?;
                self.part(FLIPS).campaigns("store", &["::flips::"], totals)?;
                self.part(LIES).campaigns("store", &["::lies::"], totals)?;
                self.campaigns("catalog", &[], totals)
            }
            Part::Planted => self.part(HUNTS).with_feature("planted", PLANTED, totals),
            Part::Schedules => {
                self.part(SCHEDULE_SHARE).with_feature("schedules", SCHEDULES, totals)
            }
            Part::Kills => {
                let mut programs = cargo();
                programs.args(["build", "--release", "--locked", "--workspace", "--bins"]);
                shown(programs.args(CHECKED.iter().flat_map(|setting| ["--config", setting])))?;
                self.campaigns("tests", &["kill"], totals)
            }
            Part::Fuzz => self.fuzz(totals),
        }
    }

    /// The same with this share of everything, in percent.
    fn part(&self, share: u32) -> Self {
        Self { percent: (self.percent.saturating_mul(share) / 100).max(1), ..*self }
    }

    /// The tests of a package that these arguments choose.
    fn campaigns(&self, package: &str, chosen: &[&str], totals: &mut Totals) -> Result<()> {
        let mut tests = cargo();
        tests.args(["test", "--release", "--locked", "-p", package, "--lib"]);
        tests.args(CHECKED.iter().flat_map(|setting| ["--config", setting]));
        tests.arg("--").args(chosen).arg("--nocapture");
        tests.env("HOLDFAST_SEED", self.seed.to_string());
        tests.env("HOLDFAST_STATES_PERCENT", self.percent.to_string());
        tests.env("HOLDFAST_BINARY", target_folder().join("release/holdfast"));
        tests.env("PROPTEST_CASES", "4096");
        self.judge(tests, package, totals)
    }

    /// What is a run of its own in `cargo xtask test` too.
    fn with_feature(&self, feature: &str, chosen: &[&str], totals: &mut Totals) -> Result<()> {
        let mut tests = cargo();
        tests.args(["test", "--release", "--locked"]);
        tests.args(CHECKED.iter().flat_map(|setting| ["--config", setting])).args(chosen);
        tests.args(["--", "--nocapture"]).env("HOLDFAST_SEED", self.seed.to_string());
        tests.env("HOLDFAST_STATES_PERCENT", self.percent.to_string());
        self.judge(tests, &format!("store --features {feature}"), totals)
    }

    fn fuzz(&self, totals: &mut Totals) -> Result<()> {
        let seconds = (FUZZ_SECONDS * u64::from(self.percent) / 100).max(1);
        let mut fuzz = cargo();
        fuzz.args(["xtask", "fuzz", "--jobs", "2", "--seconds", &seconds.to_string()]);
        fuzz.args(["--seed", &self.seed.to_string()]);
        self.judge(fuzz, "tests", totals)?;
        totals.add("R12", seconds);
        Ok(())
    }

    /// Runs it; a failure says how to see it again.
    fn judge(&self, mut command: Command, package: &str, totals: &mut Totals) -> Result<()> {
        let Self { seed, percent, commit } = *self;
        listened(&mut command, totals).map_err(|failed| {
            let (error, failure) = *failed;
            let replay = failure.replay(package, seed, percent);
            let facts = format!("{error}; commit {commit}, seeds from {seed}; replay: {replay}");
            Error::Broken { rule: "soak".into(), facts }
        })
    }
}

/// The guest's part of a run is replayed as a whole; a crash state, from the recording that stays.
fn guest_failed(error: Error, commit: &str, seed: u64) -> Error {
    let facts = format!("{error}; commit {commit}; again: cargo xtask soak --guest --seed {seed}");
    Error::Broken { rule: "soak".into(), facts }
}
