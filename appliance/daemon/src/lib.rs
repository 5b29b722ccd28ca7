//! What every daemon begins and ends with: where its log goes, why it ended, and who may end it.

mod journal;
mod signals;

use std::fmt::Display;
use std::process::ExitCode;

pub use signals::stopped;

/// Does all of a daemon's work: from here on its log goes to the journal, or to standard error. If
/// it fails the error is the last line of that, and the process's exit code says so.
pub fn run<E: Display>(work: impl FnOnce() -> Result<(), E>) -> ExitCode {
    journal::install();
    match work() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
