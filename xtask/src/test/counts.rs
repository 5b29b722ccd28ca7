//! The counts of all test binaries together, from the lines that each of them ends with.

use std::io::{BufRead, BufReader};
use std::ops::AddAssign;
use std::process::Stdio;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::process::{cargo, start_error};

/// Tests that passed, failed, were ignored, were measured and were filtered out.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
    measured: u64,
    filtered: u64,
}

/// Runs `cargo test` with these arguments, showing its output as it comes.
pub(super) fn run_tests(arguments: &[&str]) -> Result<Counts> {
    let mut command = cargo();
    command.args(["test", "--locked", "--no-fail-fast"]).args(arguments).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|source| start_error(&command, source))?;
    let mut counts = Counts::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line.map_err(|source| start_error(&command, source))?;
            println!("{line}");
            counts += Counts::of_line(&line).unwrap_or_default();
        }
    }
    let status = child.wait().map_err(|source| start_error(&command, source))?;
    if status.success() {
        return Ok(counts);
    }
    let facts = format!("{} failed, {} passed", counts.failed, counts.passed);
    Err(Error::Broken { rule: "cargo test".into(), facts })
}

impl Counts {
    /// The whole run as one line of the form that a test binary ends with.
    pub(super) fn line(self, elapsed: Duration) -> String {
        let Self { passed, failed, ignored, measured, filtered } = self;
        format!(
            "test result: ok. {passed} passed; {failed} failed; {ignored} ignored; \
             {measured} measured; {filtered} filtered out; finished in {:.2}s",
            elapsed.as_secs_f64()
        )
    }

    /// None when `line` is not the last line of a test binary.
    fn of_line(line: &str) -> Option<Self> {
        let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
        let of = |word: &str| {
            let part = counts.split("; ").find_map(|part| part.strip_suffix(word))?;
            part.trim().parse().ok()
        };
        Some(Self {
            passed: of("passed")?,
            failed: of("failed")?,
            ignored: of("ignored")?,
            measured: of("measured")?,
            filtered: of("filtered out")?,
        })
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
        self.measured += other.measured;
        self.filtered += other.filtered;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_add_up_and_are_written_as_they_are_read() {
        let failed = "test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; \
                      4 filtered out; finished in 0.25s";
        let mut counts = Counts::of_line(failed).unwrap();
        counts += Counts { passed: 7, ..Counts::default() };
        let line = counts.line(Duration::from_millis(1500));
        assert_eq!(Counts::of_line(&line), Some(counts));
        assert_eq!((counts.passed, counts.failed, counts.filtered), (10, 1, 4));
        assert!(line.ends_with("finished in 1.50s"), "{line}");
    }

    #[test]
    fn other_lines_count_nothing() {
        assert_eq!(Counts::of_line("test store::tests::a_result ... ok"), None);
    }
}
