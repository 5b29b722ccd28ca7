//! One command, measured: wall time, processor time and peak memory of its whole process tree.
//!
//! GNU time does the accounting, since the kernel hands it out only to a parent that waits. Its
//! peak memory is that of the largest single process of the tree, which is what a budget is about.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::error::{Error, Result};
use crate::process::{command, start_error};

/// The part of a failed command's standard error that is shown, in bytes from its end.
const SHOWN_BYTES: usize = 2000;

/// What running something took. Costs of steps that belong together add up.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Cost {
    pub(super) wall_s: f64,
    pub(super) cpu_s: f64,
    pub(super) peak_bytes: u64,
}

impl Cost {
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            wall_s: self.wall_s + other.wall_s,
            cpu_s: self.cpu_s + other.cpu_s,
            peak_bytes: self.peak_bytes.max(other.peak_bytes),
        }
    }
}

/// Where the standard output of a measured command goes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stdout<'a> {
    Null,
    /// Collected in memory: for commands that print little.
    Text,
    File(&'a Path),
}

/// Runs `inner` and demands success. The text is empty unless standard output was asked for.
pub(super) fn timed(inner: &Command, stdout: Stdout<'_>) -> Result<(Cost, String)> {
    let accounts = tempfile::NamedTempFile::new().map_err(Error::io(&std::env::temp_dir()))?;
    let mut outer = under_time(inner, accounts.path());
    outer.stderr(Stdio::piped()).stdout(match stdout {
        Stdout::Null => Stdio::null(),
        Stdout::Text => Stdio::piped(),
        Stdout::File(path) => File::create(path).map_err(Error::io(path))?.into(),
    });
    let begin = Instant::now();
    let output = outer.output().map_err(|source| start_error(&outer, source))?;
    let wall_s = begin.elapsed().as_secs_f64();
    if !output.status.success() {
        return Err(failed(inner, &output.status.to_string(), &output.stderr));
    }
    let accounts = std::fs::read_to_string(accounts.path()).map_err(Error::io(accounts.path()))?;
    let cost = parse(wall_s, &accounts).ok_or_else(|| Error::Unexpected {
        from: "time".into(),
        what: accounts.trim().to_owned(),
    })?;
    Ok((cost, String::from_utf8_lossy(&output.stdout).into_owned()))
}

/// How long something of our own took, with no processor time or memory to account for.
pub(super) fn clocked(work: impl FnOnce() -> Result<()>) -> Result<Cost> {
    let begin = Instant::now();
    work()?;
    Ok(Cost { wall_s: begin.elapsed().as_secs_f64(), ..Cost::default() })
}

fn under_time(inner: &Command, accounts: &Path) -> Command {
    let mut outer = command("time");
    outer.args(["--quiet", "--format=%U %S %M", "--output"]).arg(accounts);
    outer.arg(inner.get_program()).args(inner.get_args());
    for (key, value) in inner.get_envs() {
        match value {
            Some(value) => outer.env(key, value),
            None => outer.env_remove(key),
        };
    }
    if let Some(folder) = inner.get_current_dir() {
        outer.current_dir(folder);
    }
    outer
}

/// Reads `user-seconds system-seconds peak-KiB`.
fn parse(wall_s: f64, accounts: &str) -> Option<Cost> {
    let mut words = accounts.split_whitespace();
    let user_s: f64 = words.next()?.parse().ok()?;
    let system_s: f64 = words.next()?.parse().ok()?;
    let peak_kib: u64 = words.next()?.parse().ok()?;
    Some(Cost { wall_s, cpu_s: user_s + system_s, peak_bytes: peak_kib * 1024 })
}

fn failed(inner: &Command, status: &str, stderr: &[u8]) -> Error {
    let words = std::iter::once(inner.get_program()).chain(inner.get_args());
    let line = words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ");
    let from = stderr.len().saturating_sub(SHOWN_BYTES);
    let output = String::from_utf8_lossy(stderr.get(from..).unwrap_or(stderr)).into_owned();
    Error::Failed { command: line, status: status.to_owned(), output }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_user_plus_system_and_kib() {
        let cost = parse(2.0, "1.25 0.50 2048\n").unwrap();
        assert_eq!(cost, Cost { wall_s: 2.0, cpu_s: 1.75, peak_bytes: 2 << 20 });
        assert_eq!(parse(2.0, "Command terminated by signal 9"), None);
    }

    #[test]
    fn costs_add_up_but_peaks_do_not() {
        let one = Cost { wall_s: 1.0, cpu_s: 2.0, peak_bytes: 30 };
        let two = Cost { wall_s: 10.0, cpu_s: 20.0, peak_bytes: 3 };
        assert_eq!(one.and(two), Cost { wall_s: 11.0, cpu_s: 22.0, peak_bytes: 30 });
    }
}
