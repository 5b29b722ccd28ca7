//! The agent's configuration: which box, which volumes, how each is held still.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::{Fingerprint, parse_bytes, parse_span};
use serde::{Deserialize, Deserializer, de};

use crate::error::{AgentError, Result};

/// Longest configuration file, in bytes.
const MAX_BYTES: u64 = 64 << 10;

/// Most volumes: what a receiver takes of one agent.
const MAX_VOLUMES: usize = 64;

/// Longest name of a volume, in bytes; see AGENT.md.
const MAX_NAME: usize = 64;

/// What the file says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name or address of the box, and its port, as in `box.example:8443`.
    #[serde(rename = "box")]
    pub address: String,
    /// Fingerprint of the box's certificate.
    #[serde(deserialize_with = "fingerprint")]
    pub fingerprint: Fingerprint,
    /// PEM file with this agent's certificate.
    pub certificate: PathBuf,
    /// PEM file with the key of that.
    pub key: PathBuf,
    /// Folder for digests of what the box has. It survives restarts; without it all is sent anew.
    pub state: PathBuf,
    /// Time between the beginnings of two runs of `daemon`.
    #[serde(default = "four_hours", deserialize_with = "span")]
    pub interval: Duration,
    /// How long a run tries to reach the box again before it gives up.
    #[serde(default = "ten_minutes", deserialize_with = "span")]
    pub patience: Duration,
    #[serde(default)]
    pub scripts: Scripts,
    #[serde(rename = "volume")]
    pub volumes: Vec<VolumeConfig>,
}

/// Programs that run around the moment that is taken.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scripts {
    /// A program with its arguments, before any volume is held still. When it fails there is no
    /// run.
    #[serde(default)]
    pub pre: Vec<String>,
    #[serde(default = "minute", deserialize_with = "span")]
    pub pre_timeout: Duration,
    /// A program with its arguments, once for each time that `pre` was begun, whatever came after:
    /// as soon as all volumes are held still, or have been read.
    #[serde(default)]
    pub post: Vec<String>,
    #[serde(default = "minute", deserialize_with = "span")]
    pub post_timeout: Duration,
}

/// One volume.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VolumeConfig {
    /// What the box knows it by.
    pub name: String,
    /// A block device, or a file that is a disk image.
    pub path: PathBuf,
    #[serde(default)]
    pub hold: Hold,
    /// With `hold = "lvm"`: room for what changes meanwhile. Not needed for a thin volume.
    #[serde(default, deserialize_with = "bytes")]
    pub room: Option<u64>,
    /// With `hold = "freeze"`: where the file system is mounted.
    pub mount: Option<PathBuf>,
    /// Make a recovery point even if the volume changed while it was read.
    #[serde(default)]
    pub accept_torn: bool,
}

/// How a volume is held still while it is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hold {
    /// LVM keeps what it was like; for block devices that are logical volumes.
    Lvm,
    /// Btrfs keeps what it was like; for files in a subvolume.
    Btrfs,
    /// The file system is made clean on the disk, and the disk read until nothing changes.
    Freeze,
    /// Nothing is done: scripts, or whoever wrote this, see to it.
    #[default]
    None,
}

fn four_hours() -> Duration {
    Duration::from_secs(4 * 3600)
}

fn ten_minutes() -> Duration {
    Duration::from_secs(600)
}

fn minute() -> Duration {
    Duration::from_secs(60)
}

fn fingerprint<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Fingerprint, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map_err(|error| de::Error::custom(format!("a fingerprint: {error}")))
}

fn span<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    let read = parse_span(&text).map(|span| Duration::from_secs(span.0));
    read.ok_or_else(|| de::Error::custom(format!("{text:?} is no span of time, as in \"90s\"")))
}

fn bytes<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Option<u64>, D::Error> {
    let text = String::deserialize(from)?;
    let read = parse_bytes(&text).map(Some);
    read.ok_or_else(|| de::Error::custom(format!("{text:?} is no amount of bytes, as in \"5G\"")))
}

impl Config {
    /// Reads the file. Paths in it that are relative are so to its folder.
    pub fn read(path: &Path) -> Result<Self> {
        let failed = |source| AgentError::File { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(failed)?.len() > MAX_BYTES {
            let text = format!("a configuration has at most {MAX_BYTES} bytes");
            return Err(failed(std::io::Error::other(text)));
        }
        let text = std::fs::read_to_string(path).map_err(failed)?;
        let whole = std::path::absolute(path).map_err(failed)?;
        let parsed: std::result::Result<Self, _> = toml::from_str(&text);
        let mut config =
            parsed.map_err(|source| AgentError::Config { path: path.to_owned(), source })?;
        let folder = whole.parent().unwrap_or(Path::new("/"));
        for path in [&mut config.certificate, &mut config.key, &mut config.state] {
            *path = folder.join(&*path);
        }
        for volume in &mut config.volumes {
            volume.path = folder.join(&volume.path);
        }
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<()> {
        let wrong = |what: String| Err(AgentError::Rule { what });
        if self.volumes.is_empty() || self.volumes.len() > MAX_VOLUMES {
            return wrong(format!("an agent has 1 to {MAX_VOLUMES} volumes"));
        }
        let mut names = HashSet::new();
        for volume in &self.volumes {
            let name = &volume.name;
            if !names.insert(name) {
                return wrong(format!("volume {name} is there twice"));
            }
            if !is_name(name) {
                return wrong(format!(
                    "volume {name:?}: a name has 1 to {MAX_NAME} letters, digits, '-', '_' and \
                     '.', and begins with none of the last"
                ));
            }
            if volume.hold == Hold::Freeze && volume.mount.is_none() {
                return wrong(format!("volume {name}: hold = \"freeze\" needs mount = \"...\""));
            }
            if volume.room.is_some() && volume.hold != Hold::Lvm {
                return wrong(format!("volume {name}: room is for hold = \"lvm\""));
            }
        }
        Ok(())
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=MAX_NAME).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(volume: &str) -> Result<Config> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.toml");
        let text = format!(
            "box = \"box:8443\"\nfingerprint = \"{}\"\ncertificate = \"c\"\nkey = \"k\"\n\
             state = \"s\"\n[[volume]]\nname = \"root\"\npath = \"/dev/vg/root\"\n{volume}",
            "01".repeat(32)
        );
        std::fs::write(&path, text).unwrap();
        Config::read(&path)
    }

    #[test]
    fn a_volume_is_read_with_how_it_is_held() {
        let config = read("hold = \"lvm\"\nroom = \"5G\"\n").unwrap();
        assert_eq!((config.volumes[0].hold, config.volumes[0].room), (Hold::Lvm, Some(5 << 30)));
        assert_eq!(config.interval, four_hours());
        assert_eq!(read("").unwrap().volumes[0].hold, Hold::None);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_to_do() {
        for (volume, says) in [
            ("hold = \"freeze\"\n", "mount"),
            ("room = \"5G\"\n", "hold = \"lvm\""),
            ("[[volume]]\nname = \"root\"\npath = \"x\"\n", "twice"),
            ("[[volume]]\nname = \"../x\"\npath = \"x\"\n", "letters"),
            ("hold = \"zfs\"\n", "line 9"),
        ] {
            let error = read(volume).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
