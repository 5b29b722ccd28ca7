//! Other programs, run so that a failure names the command and shows the end of what it printed.
//!
//! Nothing reads standard input: a task must not wait for a person in a CI job. What a quiet
//! program prints is collected in memory, so only programs with little output belong in [`quiet`].

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::error::{Error, Result};

/// How much of a failed program's output the error shows, in lines: a screen's half.
const SHOWN_LINES: usize = 15;

/// A command without standard input, in the C locale so that its output can be read.
pub(crate) fn command<S: AsRef<OsStr>>(program: S) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).env("LC_ALL", "C.UTF-8");
    command
}

/// The cargo that runs this task, in the workspace.
pub(crate) fn cargo() -> Command {
    let mut command = command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace());
    command
}

/// The folder of the root manifest.
pub(crate) fn workspace() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}

/// Where [`cargo`] puts what it builds.
pub(crate) fn target_folder() -> PathBuf {
    let named = std::env::var_os("CARGO_TARGET_DIR");
    named.map_or_else(|| workspace().join("target"), |folder| workspace().join(folder))
}

/// Runs with the terminal's output and demands success.
pub(crate) fn shown(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|source| start_error(command, source))?;
    if status.success() { Ok(()) } else { Err(failed(command, &status.to_string(), "")) }
}

/// Runs without showing anything and gives back standard output, or an error with both outputs.
pub(crate) fn quiet(command: &mut Command) -> Result<String> {
    let output = command.output().map_err(|source| start_error(command, source))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(failed(command, &output.status.to_string(), &last_lines(&output)))
}

/// Whether `program` answers `--version`.
pub(crate) fn is_installed(program: &str) -> bool {
    command(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

pub(crate) fn start_error(command: &Command, source: std::io::Error) -> Error {
    Error::Start { program: command.get_program().to_string_lossy().into_owned(), source }
}

pub(crate) fn failed(command: &Command, status: &str, output: &str) -> Error {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let line = words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ");
    Error::Failed { command: line, status: status.to_owned(), output: output.to_owned() }
}

fn last_lines(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.len().saturating_sub(SHOWN_LINES);
    lines.iter().skip(first).copied().collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command_and_what_it_said() {
        let error = quiet(command("ls").arg("/nonexistent-place")).unwrap_err().to_string();
        assert!(error.contains("ls /nonexistent-place"), "{error}");
        assert!(error.contains("No such file"), "{error}");
    }

    #[test]
    fn the_workspace_is_where_the_lock_file_is() {
        assert!(workspace().join("Cargo.lock").is_file());
    }
}
