//! Why settings are refused, or what was told is not kept.

use std::path::PathBuf;

use document::Problem;

/// A failure, with what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    #[error("{}: {source}; check the folder and its permissions", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{}: {source}; free some room, and check the folder's permissions", path.display())]
    State { path: PathBuf, source: rusqlite::Error },
    /// Nothing of them is used.
    #[error("the settings cannot be used: {}", told(problems))]
    Settings { problems: Vec<Problem> },
    #[error("there is no channel {name:?}; the settings have {known}")]
    NoChannel { name: String, known: String },
    /// A message that was sent at once, for a test, did not arrive.
    #[error("{0}")]
    Send(#[from] SendError),
}

pub(crate) type Result<T> = std::result::Result<T, NotifyError>;

/// Why a message was not delivered: what is wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}; {next_step}")]
pub struct SendError {
    /// Without secrets and without what the peer may have made of them.
    pub what: String,
    pub next_step: &'static str,
    /// Whether this message will never be taken, however often it is sent.
    pub is_final: bool,
}

/// Longest text of a peer in an error, in characters.
const MAX_TEXT: usize = 300;

impl SendError {
    /// One that may pass.
    pub(crate) fn passing(what: impl std::fmt::Display, next_step: &'static str) -> Self {
        Self { what: one_line(&what.to_string()), next_step, is_final: false }
    }

    pub(crate) fn last(what: impl std::fmt::Display, next_step: &'static str) -> Self {
        Self { is_final: true, ..Self::passing(what, next_step) }
    }
}

/// What a peer says may be long and hold what moves a terminal's cursor.
fn one_line(text: &str) -> String {
    text.chars().take(MAX_TEXT).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn told(problems: &[Problem]) -> String {
    let told: Vec<String> = problems.iter().map(Problem::to_string).collect();
    told.join("; ")
}
