//! Asking chrony's daemon by its own command.

use std::io::Read;
use std::process::{Command, Stdio};

use crate::error::{Result, TimeError};

/// Bytes of an answer that are read: some hundred servers have room in it.
const MOST: u64 = 64 * 1024;

/// What `chronyc` prints of this, as values with commas between them. It gives up by itself when
/// the daemon does not answer.
pub(crate) fn ask(what: &str) -> Result<String> {
    let silent = |error: std::io::Error| TimeError::Silent { what: format!("chronyc: {error}") };
    let mut command = Command::new("chronyc");
    command.args(["-n", "-c", what]).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut running = command.stderr(Stdio::null()).spawn().map_err(silent)?;
    let mut answer = String::new();
    let read = match running.stdout.take() {
        Some(output) => output.take(MOST).read_to_string(&mut answer),
        None => Ok(0),
    };
    let ended = running.wait().map_err(silent)?;
    read.map_err(silent)?;
    match ended.success() {
        true => Ok(answer),
        false => Err(TimeError::Silent { what: answer.trim().to_owned() }),
    }
}
