//! Why the time is not proven.

use std::io;
use std::path::PathBuf;

pub(crate) type Result<T, E = TimeError> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub(crate) enum TimeError {
    #[error("chrony cannot be asked for the time ({what}); see `systemctl status chrony`")]
    Silent { what: String },
    #[error("chrony says {line:?} of its {of}, which nobody here understands")]
    Unknown { of: &'static str, line: String },
    #[error("no time server has confirmed the clock yet; see `chronyc sources`")]
    Unconfirmed,
    #[error(
        "time comes from {server}, which does not prove who it is; give chrony servers with `nts`"
    )]
    Unproven { server: String },
    #[error("what time it is is known to {seconds} seconds only; see `chronyc tracking`")]
    Vague { seconds: u64 },
    #[error("{} cannot be written: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
}
