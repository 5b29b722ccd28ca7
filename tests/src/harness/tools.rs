//! Programs of other people.

use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};

/// Runs a program to its success and returns what it printed on standard output. When it is not
/// installed the rest of the test cannot be run: says so, and returns nothing.
pub(crate) fn client(program: &str, arguments: &[&str]) -> Option<String> {
    let output = match Command::new(program).args(arguments).stdin(Stdio::null()).output() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            skipped(&format!("{program} is not installed"));
            return None;
        }
        output => output.expect("the program can be started"),
    };
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {printed}{complaints}");
    Some(printed)
}

/// Runs a program of the package qemu-utils to its success.
pub(crate) fn run_tool(command: &mut Command) {
    let output = command.output().expect("it can be started: it is in the package qemu-utils");
    assert!(output.status.success(), "{output:?}");
}

/// Says, also when the test passes, that and why a part of it was not run.
pub(crate) fn skipped(why: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(std::io::stderr(), "skipped in {test}: {why}");
}
