//! `cargo xtask soak`: the campaigns of the tests, from seeds that nobody has tried, for as long as
//! there is time.
//!
//! A round begins all campaigns at a seed of its own. The build is optimised and keeps every check
//! that `cargo test` has. A failure ends the run with what replays it.

use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::process::{cargo, command, quiet, shown};

/// What makes the optimised build as strict as that of tests.
const PROFILE: &[&str] =
    &["profile.release.overflow-checks=true", "profile.release.debug-assertions=true"];

/// Seeds of one round: no campaign goes through more.
const ROUND_SEEDS: u64 = 10_000_000;

/// Seconds for each fuzz target in a round.
const FUZZ_SECONDS: &str = "20";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The first seed: another one tries other histories
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// For how long; the round that is under way then is finished
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,

    /// States, faults and moments of a round, in percent of those of `cargo xtask test`
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    percent: u32,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let commit = quiet(command("git").args(["rev-parse", "--short", "HEAD"]))?;
    let (begin, time) = (Instant::now(), Duration::from_secs(60 * args.minutes));
    let mut rounds = 0;
    while rounds == 0 || begin.elapsed() < time {
        let seed = args.seed.wrapping_mul(ROUND_SEEDS).wrapping_add(rounds * ROUND_SEEDS);
        println!("==> round {} at {}, seeds from {seed}", rounds + 1, commit.trim());
        round(seed, args.percent).map_err(|error| failed(error, commit.trim(), seed))?;
        rounds += 1;
        println!("    {:.0} minutes so far", begin.elapsed().as_secs_f64() / 60.0);
    }
    println!("{rounds} rounds at {} without a failure", commit.trim());
    Ok(())
}

fn round(seed: u64, percent: u32) -> Result<()> {
    let mut campaigns = cargo();
    campaigns.args(["test", "--release", "--locked", "-p", "store", "-p", "catalog", "--lib"]);
    campaigns.args(PROFILE.iter().flat_map(|setting| ["--config", setting]));
    campaigns.args(["--", "--nocapture"]).env("HOLDFAST_SEED", seed.to_string());
    campaigns.env("HOLDFAST_STATES_PERCENT", percent.to_string());
    campaigns.env("PROPTEST_CASES", "4096");
    shown(&mut campaigns)?;
    let mut killed = cargo();
    killed.args(["test", "--locked", "-p", "tests", "--lib", "killed"]);
    shown(&mut killed)?;
    let mut fuzz = cargo();
    fuzz.args(["xtask", "fuzz", "--seconds", FUZZ_SECONDS, "--seed", &seed.to_string()]);
    shown(&mut fuzz)
}

/// Says how to see it again: the campaign's own message names the seed that failed.
fn failed(error: Error, commit: &str, seed: u64) -> Error {
    let replay = "HOLDFAST_SEED=<the seed named above> cargo test -p store <the test>";
    let facts = format!("{error}; commit {commit}, seeds from {seed}; replay: {replay}");
    Error::Broken { rule: "soak".into(), facts }
}
