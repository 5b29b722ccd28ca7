//! Crash states of pools that a real kernel wrote, from logs of their disks.
//!
//! `cargo xtask soak --guest` records: QEMU logs every request of the guest's disks, the guest says
//! when something was acknowledged. Here the logs are played into simulated disks, which make any
//! state that a power failure may leave, and each state is opened, read and gone on with. What was
//! acknowledged must be there, whole, and nothing else but what was under way.
//!
//! States are told by a seed and a number, so one of them can be looked at again alone.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod campaign;
mod check;
mod log;
mod order;
mod recording;
mod same;
mod story;
#[cfg(test)]
mod synthetic;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::campaign::Campaign;
use crate::recording::{Flushes, Recording};

#[derive(Debug, Parser)]
#[command(name = "replay", about = "Checks crash states of a recording")]
struct Args {
    /// Folder of the recording
    folder: PathBuf,

    /// States of all pools of the recording together
    #[arg(long, default_value_t = 5_000)]
    states: u64,

    /// Which states: another seed gives others
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Only this pool
    #[arg(long)]
    pool: Option<String>,

    /// Only the state of this number, as a finding names it
    #[arg(long, value_name = "NUMBER", requires = "pool")]
    only: Option<u64>,

    /// As if no flush had ever reached the disks: succeeds if that is found out
    #[arg(long)]
    without_flushes: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let flushes = if args.without_flushes { Flushes::Lost } else { Flushes::Kept };
    match run(&args, flushes) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("replay: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args, flushes: Flushes) -> Result<(), String> {
    let recordings = recording::load(&args.folder, flushes);
    let mut recordings = recordings.map_err(|error| error.to_string())?;
    let requests: u64 = recordings.iter().map(Recording::moments).sum();
    recordings.retain(|one| args.pool.as_ref().is_none_or(|name| *name == one.story.name));
    for recording in &recordings {
        // Every request of every pool is as likely to be the last one.
        let states = (args.states * recording.moments()).div_ceil(requests.max(1));
        let numbers = args.only.map_or(0..states, |only| only..only + 1);
        let campaign =
            Campaign { recording, seed: args.seed, states, of_all: args.states, numbers };
        let outcome = campaign.run();
        match (flushes, outcome) {
            (Flushes::Kept, outcome) => println!("{}", outcome?),
            (Flushes::Lost, Err(finding)) => {
                println!("without flushes, as it should be: {finding}")
            }
            (Flushes::Lost, Ok(_)) => {
                let pool = &recording.story.name;
                return Err(format!("{pool}: lost flushes went unseen: the check is blind"));
            }
        }
    }
    Ok(())
}
