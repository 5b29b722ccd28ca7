//! Printing: for people, or one JSON object.

use std::io::{IsTerminal, Write};

use operations::Failure;
use serde_json::Value;

/// How to print.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    /// Standard output is taken by data: what is printed goes to standard error.
    aside: bool,
}

impl Output {
    pub(crate) fn new(json: bool, quiet: bool, aside: bool) -> Self {
        Self { json, quiet, aside }
    }

    /// Prints the outcome of the command: `text` for people, or `value`.
    pub(crate) fn result(&self, value: &Value, text: impl FnOnce() -> String) {
        self.line(&if self.json { value.to_string() } else { text() });
    }

    /// Prints the outcome of a command that came to its end, also when what it found is a failure.
    pub(crate) fn outcome(
        &self,
        failure: Option<Failure>,
        value: &Value,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        let Some(failure) = failure else {
            self.result(value, text);
            return Ok(());
        };
        self.before_failure(text);
        Err(failure.with(value.clone()))
    }

    /// Prints the outcome for people of a command that fails because of it: programs get it with
    /// the failure, as one object.
    pub(crate) fn before_failure(&self, text: impl FnOnce() -> String) {
        if !self.json {
            self.line(&text());
        }
    }

    pub(crate) fn failure(&self, failure: Failure) {
        let Failure { what, next, found, .. } = failure;
        let _ = writeln!(std::io::stderr(), "holdfast: {what}; {next}");
        if self.json {
            let mut value = found;
            value.insert("error".to_owned(), what.into());
            value.insert("next".to_owned(), next.into());
            self.line(&Value::Object(value).to_string());
        }
    }

    fn line(&self, line: &str) {
        // Who does not read the outcome does not want it.
        let _ = match self.aside {
            true => writeln!(std::io::stderr(), "{line}"),
            false => writeln!(std::io::stdout(), "{line}"),
        };
    }

    /// Prints something that the user should know and that is no failure.
    pub(crate) fn note(&self, text: &str) {
        let _ = writeln!(std::io::stderr(), "holdfast: {text}");
    }

    /// Whether somebody watches progress.
    pub(crate) fn shows_progress(&self) -> bool {
        !self.quiet && std::io::stderr().is_terminal()
    }
}

/// Most memory that this process has had resident, in bytes.
pub(crate) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
