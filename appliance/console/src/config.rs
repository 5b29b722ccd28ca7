//! The console's configuration: a TOML file that is read once, at start, and need not be there.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{ConsoleError, Result};

/// Longest configuration file, in bytes.
const MAX_BYTES: u64 = 64 << 10;

/// What the file says. What it does not say is as on a box.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address of the engine's bus, as in `unix:path=/run/bus`. Without it the system's.
    pub bus: Option<String>,
    /// Address of the bus that the service manager, logind and networkd are on. Without it the
    /// system's.
    pub system_bus: Option<String>,
    /// The file in which the management daemon says how the box is claimed.
    pub claim: PathBuf,
    /// The file that has the management daemon forget its owner when it starts.
    pub reset: PathBuf,
    /// The folder of systemd-networkd's files.
    pub network: PathBuf,
    /// The folder in which the kernel shows network interfaces.
    pub interfaces: PathBuf,
    /// Whether `q` ends the console. On the box's own screen nothing would be left.
    pub quit: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bus: None,
            system_bus: None,
            claim: "/run/holdfast-manage/claim.json".into(),
            reset: "/run/holdfast-manage/reset".into(),
            network: "/etc/systemd/network".into(),
            interfaces: "/sys/class/net".into(),
            quit: false,
        }
    }
}

impl Config {
    /// Reads the file; everything is as on a box if there is none.
    pub fn read(path: &Path) -> Result<Self> {
        let failed = |source| ConsoleError::File { path: path.to_owned(), source };
        match std::fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(failed(error)),
            Ok(found) if found.len() > MAX_BYTES => {
                let text = format!("a configuration has at most {MAX_BYTES} bytes");
                return Err(failed(std::io::Error::other(text)));
            }
            Ok(_) => {}
        }
        let text = std::fs::read_to_string(path).map_err(failed)?;
        toml::from_str(&text)
            .map_err(|source| ConsoleError::Config { path: path.to_owned(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_needs_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::read(&folder.path().join("console.toml")).unwrap();
        assert_eq!(config, Config::default());
        assert!(!config.quit);
    }

    #[test]
    fn the_example_says_what_holds_without_it() {
        let example = "../../image/files/usr/share/holdfast/console.toml";
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(example);
        assert_eq!(Config::read(&path).unwrap(), Config::default());
    }

    #[test]
    fn a_key_that_nobody_knows_is_refused_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("console.toml");
        std::fs::write(&path, "quit = true\nclaims = \"/x\"\n").unwrap();
        let error = Config::read(&path).unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("`claims`"), "{error}");
        std::fs::write(&path, "quit = true\nclaim = \"/x\"\n").unwrap();
        let config = Config::read(&path).unwrap();
        assert_eq!((config.quit, config.claim), (true, PathBuf::from("/x")));
    }
}
