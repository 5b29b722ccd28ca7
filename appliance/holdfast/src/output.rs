//! Printing: for people, or one JSON object.

use std::io::{IsTerminal, Write};

use serde_json::Value;

use crate::failure::Failure;

/// How to print.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
}

impl Output {
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet }
    }

    /// Prints the outcome of the command: `text` for people, or `value`.
    pub(crate) fn result(&self, value: &Value, text: impl FnOnce() -> String) {
        let line = if self.json { value.to_string() } else { text() };
        // Who does not read the outcome does not want it.
        let _ = writeln!(std::io::stdout(), "{line}");
    }

    /// Prints the outcome where standard output is taken by data.
    pub(crate) fn result_aside(&self, value: &Value, text: impl FnOnce() -> String) {
        let line = if self.json { value.to_string() } else { text() };
        let _ = writeln!(std::io::stderr(), "{line}");
    }

    pub(crate) fn failure(&self, failure: &Failure) {
        let Failure { what, next } = failure;
        if self.json {
            let value = serde_json::json!({ "error": what, "next": next });
            let _ = writeln!(std::io::stdout(), "{value}");
        }
        let _ = writeln!(std::io::stderr(), "holdfast: {what}; {next}");
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
