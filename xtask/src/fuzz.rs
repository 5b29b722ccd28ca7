//! `cargo xtask fuzz`: damaged bytes for everything that reads bytes, from seeds.
//!
//! The targets are one ordinary program in `tests`, so this runs wherever the project builds. It
//! is optimised but keeps every check that `cargo test` has: what is found in one is found again
//! in the other. `cargo test` does the same runs of each target every time, for two seconds;
//! `cargo xtask test` adds others for twenty; this is for the hours.

use crate::error::Result;
use crate::process::{cargo, shown};

/// What makes the optimised build as strict as that of tests, and quicker to build than one that
/// is shipped.
pub(crate) const CHECKED: &[&str] = &[
    "profile.release.overflow-checks=true",
    "profile.release.debug-assertions=true",
    "profile.release.lto=\"off\"",
];

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// One target; all of them without this
    target: Option<String>,

    /// Which inputs: another seed gives others
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// For how long each target runs
    #[arg(long, default_value_t = 10)]
    seconds: u64,

    /// How many targets run at a time
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    jobs: u32,

    /// Do this one run alone, as a finding names it
    #[arg(long, value_name = "NUMBER", requires = "target")]
    only: Option<u64>,

    /// Keep the input of this run in the corpus, tests/corpus
    #[arg(long, requires = "only")]
    keep: bool,

    /// Print the targets
    #[arg(long)]
    list: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut fuzz = cargo();
    fuzz.args(["run", "--release", "--locked", "-p", "tests", "--bin", "fuzz"]);
    fuzz.args(CHECKED.iter().flat_map(|setting| ["--config", setting]));
    fuzz.arg("--").args(&args.target);
    fuzz.args(["--seed", &args.seed.to_string(), "--seconds", &args.seconds.to_string()]);
    fuzz.args(["--jobs", &args.jobs.to_string()]);
    if let Some(only) = args.only {
        fuzz.args(["--only", &only.to_string()]);
    }
    if args.keep {
        fuzz.arg("--keep");
    }
    if args.list {
        fuzz.arg("--list");
    }
    shown(&mut fuzz)
}

/// Every target for as long as `cargo xtask test` has time for, in the build of the tests.
pub(crate) fn run_shortly() -> Result<()> {
    let mut fuzz = cargo();
    fuzz.args(["run", "--quiet", "--locked", "-p", "tests", "--bin", "fuzz", "--"]);
    shown(fuzz.args(["--seed", "2", "--seconds", "20", "--jobs", "2"]))
}
