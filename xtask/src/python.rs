//! Debian's own Python: another one on the machine may lack what comes from Debian's packages.

use std::process::Command;

use crate::process::command;

/// A module of it, run as a program.
pub(crate) fn module(name: &str) -> Command {
    let mut python = command("/usr/bin/python3");
    python.args(["-m", name]);
    python
}
