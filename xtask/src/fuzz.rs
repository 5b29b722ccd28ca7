//! `cargo xtask fuzz`: damaged bytes for everything that reads bytes, from seeds.
//!
//! The targets are one ordinary program in `tests`, built with every optimisation and nothing
//! else special, so this runs wherever the project builds. `cargo test` runs each target for two
//! seconds; this is for the hours.

use crate::error::Result;
use crate::process::{cargo, shown};

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

    /// Do this one run alone, as a finding names it
    #[arg(long, value_name = "NUMBER", requires = "target")]
    only: Option<u64>,

    /// Print the targets
    #[arg(long)]
    list: bool,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut fuzz = cargo();
    fuzz.args(["run", "--release", "--locked", "-p", "tests", "--bin", "fuzz", "--"]);
    fuzz.args(&args.target);
    fuzz.args(["--seed", &args.seed.to_string(), "--seconds", &args.seconds.to_string()]);
    if let Some(only) = args.only {
        fuzz.args(["--only", &only.to_string()]);
    }
    if args.list {
        fuzz.arg("--list");
    }
    shown(&mut fuzz)
}
