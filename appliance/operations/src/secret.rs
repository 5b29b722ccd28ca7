//! What opens the keys: a passphrase, or a recovery kit.

use std::path::Path;

use seal::KitSecret;
use zeroize::Zeroizing;

use crate::Failure;

/// Longest file that is taken for a passphrase or a kit, in bytes.
const FILE_MAX: u64 = 4096;

/// A secret that opens a pool. It is wiped from memory when it is dropped.
pub enum Secret {
    Passphrase(Zeroizing<String>),
    Kit(KitSecret),
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Passphrase(_) => "Passphrase",
            Self::Kit(_) => "Kit",
        })
    }
}

impl Secret {
    /// A passphrase as somebody typed it.
    pub fn passphrase(typed: String) -> Self {
        Self::Passphrase(Zeroizing::new(typed))
    }

    /// A recovery kit if it reads as one, whose groups have check characters; else a passphrase.
    pub fn either(typed: String) -> Self {
        match KitSecret::parse(&typed) {
            Ok(kit) => Self::Kit(kit),
            Err(_) => Self::passphrase(typed),
        }
    }

    /// The passphrase in the first line of a file.
    pub fn passphrase_file(path: &Path) -> Result<Self, Failure> {
        Ok(Self::Passphrase(Self::read_passphrase(path)?))
    }

    /// The first line of a file.
    pub fn read_passphrase(path: &Path) -> Result<Zeroizing<String>, Failure> {
        let text = small_file(path)?;
        Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
    }

    /// The recovery kit in a file.
    pub fn kit_file(path: &Path) -> Result<Self, Failure> {
        Ok(Self::Kit(Self::read_kit(path)?))
    }

    /// A recovery kit from its file: the line with the kit's groups, whatever else is there.
    pub fn read_kit(path: &Path) -> Result<KitSecret, Failure> {
        let text = small_file(path)?;
        let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
        let kit = Zeroizing::new(lines.collect::<Vec<_>>().join(" "));
        Ok(KitSecret::parse(&kit)?)
    }
}

/// The whole of a small text file.
fn small_file(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let bytes = std::fs::metadata(path).map_err(|error| Failure::file(path, &error))?.len();
    if bytes > FILE_MAX {
        let what = format!("{} has {bytes} bytes, more than a secret has", path.display());
        return Err(Failure::new(what, "name the file with the passphrase or kit"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?;
    Ok(Zeroizing::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_as_a_kit_is_one_and_all_else_is_a_passphrase() {
        let kit = KitSecret::new([7; 32]).text().to_string();
        assert!(matches!(Secret::either(kit.clone()), Secret::Kit(_)));
        let other = if kit.starts_with('7') { "8" } else { "7" };
        for text in [&format!("{other}{}", &kit[1..]), "four words are enough", ""] {
            assert!(matches!(Secret::either(text.to_owned()), Secret::Passphrase(_)), "{text}");
        }
    }
}
