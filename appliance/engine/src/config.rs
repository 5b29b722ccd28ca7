//! The engine's configuration: which disks, where the key comes from, where state is kept.
//!
//! A TOML file that is read once, at start. What a client of the box may change is in the
//! protection plan, not here.

use std::path::{Path, PathBuf};
use std::time::Duration;

use operations::Secret;
use serde::Deserialize;

use crate::error::{EngineError, Result};
use crate::jobs::Limits;

/// Longest configuration file, in bytes.
const MAX_BYTES: u64 = 64 << 10;

/// What the service manager calls the credential with the passphrase.
const CREDENTIAL: &str = "holdfast.passphrase";

fn disk_wait() -> u64 {
    30
}

/// What the file says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Disks of the pool: block devices or files.
    pub(crate) disks: Vec<PathBuf>,
    /// Start without a disk that is missing even if nothing is known of what the others have. It
    /// is not needed where one of them had everything when the engine ran last.
    #[serde(default)]
    pub(crate) degraded: bool,
    /// How long a start waits for disks that are not there, in seconds: those of a machine that was
    /// switched on come one after the other.
    #[serde(default = "disk_wait")]
    pub(crate) disk_wait_seconds: u64,
    /// A file with the passphrase. Without it the service manager's credential [`CREDENTIAL`] is
    /// the passphrase; without that, too, the engine starts locked and waits to be unlocked over
    /// the bus.
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Folder for jobs, alerts, overlays. It survives restarts.
    pub(crate) state: PathBuf,
    /// Folder for sockets. It need not survive.
    pub(crate) runtime: PathBuf,
    /// Folder for the sockets of intakes, which its group may write to: whoever takes volumes from
    /// agents is another user. Without it they are in `runtime`, and this user's alone.
    pub(crate) intakes: Option<PathBuf>,
    /// Address of the bus, as in `unix:path=/run/bus`. Without it the system's.
    pub(crate) bus: Option<String>,
    /// Where the server of Network UPS Tools is, as in `unix:/run/holdfast-ups/socket` or
    /// `127.0.0.1:3493`. Without it there is no UPS.
    pub(crate) ups: Option<String>,
    #[serde(default)]
    pub(crate) limits: Limits,
    #[serde(default)]
    pub(crate) jobs: JobRules,
}

/// When a running job is worth a word.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct JobRules {
    /// Hours after which a job is called overdue.
    pub(crate) deadline_hours: u64,
    /// Seconds that jobs have to stop at a safe place when the engine ends.
    pub(crate) stop_seconds: u64,
}

impl Default for JobRules {
    fn default() -> Self {
        Self { deadline_hours: 24, stop_seconds: 20 }
    }
}

impl JobRules {
    pub(crate) fn stop_within(&self) -> Duration {
        Duration::from_secs(self.stop_seconds)
    }
}

impl Config {
    /// Reads the file. Paths in it that are relative are so to its folder.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let failed = |source| EngineError::File { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(failed)?.len() > MAX_BYTES {
            let text = format!("a configuration has at most {MAX_BYTES} bytes");
            return Err(failed(std::io::Error::other(text)));
        }
        let text = std::fs::read_to_string(path).map_err(failed)?;
        let parsed: std::result::Result<Self, _> = toml::from_str(&text);
        let mut config =
            parsed.map_err(|source| EngineError::Config { path: path.to_owned(), source })?;
        let whole = std::path::absolute(path).map_err(failed)?;
        let folder = whole.parent().unwrap_or(Path::new("/"));
        let absolute = |path: &mut PathBuf| *path = folder.join(&*path);
        config.disks.iter_mut().for_each(absolute);
        config.passphrase_file.iter_mut().for_each(absolute);
        absolute(&mut config.state);
        absolute(&mut config.runtime);
        config.intakes.iter_mut().for_each(absolute);
        Ok(config)
    }

    /// What opens the keys, if it is known at start.
    pub(crate) fn secret(&self) -> Result<Option<Secret>> {
        let folder = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        let file = self.passphrase_file.clone().or_else(|| credential(&folder?));
        Ok(file.as_deref().map(Secret::passphrase_file).transpose()?)
    }
}

/// The file of the credential, if it is among those that the service manager has given.
fn credential(folder: &Path) -> Option<PathBuf> {
    Some(folder.join(CREDENTIAL)).filter(|path| path.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../../image/files/usr/share/holdfast/engine.toml");

    fn read(text: &str) -> Result<Config> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine.toml");
        std::fs::write(&path, text).unwrap();
        let config = Config::read(&path);
        config.map(|config| Config {
            state: config.state.strip_prefix(folder.path()).unwrap_or(&config.state).to_owned(),
            ..config
        })
    }

    #[test]
    fn what_is_not_said_has_a_default_and_paths_are_relative_to_the_file() {
        let config = read("disks = [\"/dev/sda\"]\nstate = \"s\"\nruntime = \"/run/h\"\n").unwrap();
        assert_eq!((config.state, config.runtime), ("s".into(), "/run/h".into()));
        assert_eq!((config.limits.restores, config.jobs.deadline_hours), (4, 24));
        assert!(config.passphrase_file.is_none());
    }

    #[test]
    fn the_example_is_read_and_a_credential_is_taken_if_there_is_one() {
        let config = read(EXAMPLE).unwrap();
        assert_eq!((config.disks.len(), config.passphrase_file), (2, None));
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(credential(folder.path()), None);
        let given = folder.path().join(CREDENTIAL);
        std::fs::write(&given, "correct horse\n").unwrap();
        assert_eq!(credential(folder.path()), Some(given));
    }

    #[test]
    fn a_key_that_nobody_knows_is_refused_with_its_line() {
        let text = "disks = []\nstate = \"s\"\nruntime = \"r\"\n[jobs]\ndeadline_hour = 4\n";
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains("line 5") && error.contains("deadline_hours"), "{error}");
    }
}
