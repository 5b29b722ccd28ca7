//! What proves the box to a peer: passwords, keys of signatures, communities.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// What stands in the place of a secret wherever settings are shown. In a text that is applied it
/// stands for the secret from before.
pub const KEPT: &str = "(kept)";

/// Longest secret, in bytes.
const MAX_SECRET: u64 = 4096;

/// A secret. It is never printed, and wiped from memory when it goes.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// What somebody else wrote, who may have repeated the secret in it.
    pub(crate) fn out_of(&self, text: &str) -> String {
        match self.0.is_empty() {
            true => text.to_owned(),
            false => text.replace(self.expose(), KEPT),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(KEPT)
    }
}

/// Where a secret stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// In the settings.
    Here(Secret),
    /// In a file, read whenever it is needed, so that it may change meanwhile. A line break at its
    /// end is none of it.
    File(PathBuf),
}

impl SecretSource {
    /// The secret, or why it cannot be read.
    pub(crate) fn read(&self) -> Result<Secret, String> {
        match self {
            Self::Here(secret) => Ok(secret.clone()),
            Self::File(path) => read(path).map_err(|error| format!("{}: {error}", path.display())),
        }
    }
}

fn read(path: &Path) -> std::io::Result<Secret> {
    let mut text = Zeroizing::new(String::new());
    std::fs::File::open(path)?.take(MAX_SECRET + 1).read_to_string(&mut text)?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() || text.len() as u64 > MAX_SECRET {
        let what = format!("a secret has 1 to {MAX_SECRET} bytes");
        return Err(std::io::Error::other(what));
    }
    Ok(Secret::new(secret))
}
