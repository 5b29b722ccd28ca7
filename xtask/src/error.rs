//! Why a task stopped. A task has one caller, the person at the terminal, so each variant is one
//! thing that person can do something about.

use std::path::{Path, PathBuf};
use std::{fmt, io};

pub(crate) type Result<T> = std::result::Result<T, Error>;

#[derive(Debug)]
pub(crate) enum Error {
    /// A file or folder could not be used.
    Io { path: PathBuf, source: io::Error },
    /// A program could not be started at all.
    Start { program: String, source: io::Error },
    /// A program ended with a failure; `output` holds the end of what it printed.
    Failed { command: String, status: String, output: String },
    /// A program or a file said something that this code does not understand.
    Unexpected { from: String, what: String },
    /// What a step found contradicts what must hold.
    Broken { rule: String, facts: String },
    /// Something the user must do first.
    Needs { what: String, why: String },
    /// Something awaited did not happen within its limit.
    TimedOut { awaited: String, seconds: u64 },
}

impl Error {
    /// For `map_err` on file operations.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_path_buf(), source }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Start { program, source } => write!(f, "cannot start {program}: {source}"),
            Self::Failed { command, status, output } => {
                write!(f, "{command}: {status}")?;
                if output.is_empty() { Ok(()) } else { write!(f, "\n{output}") }
            }
            Self::Unexpected { from, what } => write!(f, "{from}: not understood: {what}"),
            Self::Broken { rule, facts } => write!(f, "{rule}: {facts}"),
            Self::Needs { what, why } => write!(f, "{what} ({why})"),
            Self::TimedOut { awaited, seconds } => {
                write!(f, "waited {seconds} s for {awaited}")
            }
        }
    }
}

impl std::error::Error for Error {}
