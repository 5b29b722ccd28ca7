//! Why the console cannot begin, or has to end.

use std::io;
use std::path::PathBuf;

/// What a caller can tell apart. What goes wrong later is shown on the screen and ends nothing.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    #[error(
        "this is no terminal; start the console on one, as holdfast-console.service does on tty1, \
         or use the command holdfast in scripts"
    )]
    NoTerminal,
    #[error("{path}: {source}; mend the file, or remove it to have everything as on a box")]
    Config { path: PathBuf, source: toml::de::Error },
    #[error("{path}: {source}; see that it can be read")]
    File { path: PathBuf, source: io::Error },
    #[error("the terminal: {0}; start the console anew")]
    Terminal(#[source] io::Error),
    #[error("no runtime: {0}; see whether threads and files are at their limits")]
    Runtime(#[source] io::Error),
}

pub(crate) type Result<T> = std::result::Result<T, ConsoleError>;
