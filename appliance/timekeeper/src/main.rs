//! The time keeper: asks chrony each minute what time it is by servers that prove who they are
//! (Network Time Security, RFC 8915), and writes that down for the engine.
//!
//! The engine has no network, and believes no clock that somebody can set. By what is written here
//! the pool ages while the box is off, too.
//!
//! **Invariant:** what is written was told by authenticated servers alone.

mod chrony;
mod error;
mod keep;
mod told;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::error::Result;

/// How often chrony is asked.
const EVERY: Duration = Duration::from_secs(60);

/// Asks chrony for the time that authenticated servers tell, and tells the engine.
#[derive(Debug, Parser)]
#[command(name = "holdfast-timekeeper", version)]
struct Arguments {
    /// The file that says so to the engine
    #[arg(long, value_name = "FILE", default_value = clock::PROOF)]
    proof: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    daemon::run(|| run(&arguments))
}

/// Until it is ended, which it can be at any moment.
fn run(arguments: &Arguments) -> Result<()> {
    let mut said = String::new();
    loop {
        let news = match keep::once(&arguments.proof) {
            Ok(told) => format!("the time is proven by {}", told.by.join(", ")),
            Err(error @ error::TimeError::File { .. }) => return Err(error),
            Err(error) => error.to_string(),
        };
        if news != said {
            log::info!("{news}");
            said = news;
        }
        std::thread::sleep(EVERY);
    }
}
