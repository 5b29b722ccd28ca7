//! What a command did: its exit code and what it printed.

use std::process::{Command, Stdio};

use serde_json::Value;

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

/// Runs a command to its end with nothing on its standard input.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let output = command.stdin(Stdio::null()).output().expect("the command can be started");
    Outcome {
        code: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// As [`run`], with more arguments.
pub(crate) fn run_with<S: AsRef<std::ffi::OsStr>>(mut command: Command, more: &[S]) -> Outcome {
    run(command.args(more))
}

impl Outcome {
    /// The object on standard output of a command that succeeded.
    pub(crate) fn done(&self) -> Value {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self.object()
    }

    /// Checks that the command refused in the agreed form: not with code 0, and with one line that
    /// says what is wrong (contains `what`) and what to do about it (contains `next`). Returns the
    /// object that says the same.
    pub(crate) fn refused(&self, what: &str, next: &str) -> Value {
        let printed = String::from_utf8_lossy(&self.stdout);
        assert_eq!(self.code, Some(1), "{printed}{}", self.stderr);
        let lines: Vec<&str> = self.stderr.lines().collect();
        let [line] = lines[..] else { panic!("not one line: {}", self.stderr) };
        let object = self.object();
        let (is_wrong, to_do) = (text(&object, "error"), text(&object, "next"));
        assert_eq!(line, format!("holdfast: {is_wrong}; {to_do}"));
        assert!(is_wrong.contains(what), "{what:?} is not in {is_wrong:?}");
        assert!(to_do.contains(next), "{next:?} is not in {to_do:?}");
        object
    }

    /// What programs read: one object, and nothing else.
    fn object(&self) -> Value {
        serde_json::from_slice(&self.stdout).expect("one JSON object on standard output")
    }
}

/// A number of an object that a command printed.
pub(crate) fn number(object: &Value, field: &str) -> u64 {
    object[field].as_u64().unwrap_or_else(|| panic!("no number {field} in {object}"))
}

/// A text of an object that a command printed.
pub(crate) fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field].as_str().unwrap_or_else(|| panic!("no text {field} in {object}"))
}
