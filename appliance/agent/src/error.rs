//! Why a run, or one volume of it, did not come to its end.

use std::path::PathBuf;

use model::Fingerprint;
use pinned::PinnedError;

/// A failure. Its text says what is wrong and what to do next; nothing that the box has is lost by
/// any of them.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error("{}: {source}; check the path and its permissions", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{}: {source}", path.display())]
    Config { path: PathBuf, source: toml::de::Error },
    /// The configuration can be read and makes no sense.
    #[error("{what}; correct the configuration")]
    Rule { what: String },
    #[error("{}: {what}; `holdfast-agent enroll` makes a certificate and its key where both files \
             are missing", path.display())]
    Identity { path: PathBuf, what: String },
    /// No connection, or it broke. Trying again may help.
    #[error("{address}: {what}; see that the box runs and that this address leads to it")]
    Unreachable { address: String, what: String },
    #[error(
        "{address} shows another certificate, {found}; if the box was given a new one, put \
             that fingerprint into the configuration, else somebody stands between"
    )]
    OtherBox { address: String, found: Fingerprint },
    #[error(
        "the box does not know the certificate of this agent, {own}; add what \
             `holdfast-agent enroll` prints to the box's configuration and restart its receiver"
    )]
    Unknown { own: Fingerprint },
    /// The box has something else to do. Trying again helps.
    #[error("the box cannot take it now: {what}")]
    Busy { what: String },
    /// The box does not do what was asked, for a reason that stays.
    #[error("the box refuses ({word}): {what}")]
    Refused { word: String, what: String },
    #[error(
        "the box answers what no receiver should: {what}; see that both have versions that fit"
    )]
    Protocol { what: String },
    /// The volume could not be held still, or not let go.
    #[error("{what}; {next}")]
    Hold { what: String, next: String },
    #[error("{program}: {what}")]
    Program { program: String, what: String },
    #[error("{}: {source}; the volume cannot be read", path.display())]
    Device { path: PathBuf, source: std::io::Error },
    /// It changed all the time while it was read.
    #[error(
        "volume {volume} changed during {passes} readings; hold it still with lvm or btrfs, \
             let scripts stop what writes to it, or take it as it is with `accept_torn = true`"
    )]
    Torn { volume: String, passes: u32 },
    /// Writes to the box were lost again and again.
    #[error("the box lost what was sent {times} times; see its journal")]
    Lost { times: u32 },
    /// The box could not make a recovery point of what was sent.
    #[error("no recovery point was made: {cause}; {next}")]
    NoPoint { cause: String, next: String },
    #[error("another run is going on; wait for it")]
    Running,
    #[error("{failed} of {all} volumes failed")]
    Volumes { failed: usize, all: usize },
}

impl AgentError {
    /// Whether the same request may go through in a moment.
    pub(crate) fn passes(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Busy { .. })
    }
}

impl From<PinnedError> for AgentError {
    fn from(error: PinnedError) -> Self {
        match error {
            PinnedError::File { path, source } => Self::File { path, source },
            PinnedError::Identity { path, what } => Self::Identity { path, what },
        }
    }
}

pub(crate) type Result<T> = std::result::Result<T, AgentError>;
