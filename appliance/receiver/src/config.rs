//! The receiver's configuration: where it listens, and which agents may add what.
//!
//! A TOML file that is read once, at start. Whoever is not in it does not exist for the receiver.

use std::collections::HashSet;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use model::{Bytes, Fingerprint, parse_bytes};
use serde::{Deserialize, Deserializer, de};

use crate::error::{ReceiverError, Result};

/// Longest configuration file, in bytes: room for [`MAX_AGENTS`].
const MAX_BYTES: u64 = 1 << 20;

/// Most agents of one box. Each may hold some connections; see `peers`.
const MAX_AGENTS: usize = 256;

/// Most volumes of one agent: disks of one machine.
const MAX_VOLUMES: usize = 64;

/// Longest name of a volume, in bytes.
const MAX_NAME: usize = 64;

/// What the file says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address and port, when the service manager passes no socket.
    #[serde(default = "everywhere")]
    pub listen: SocketAddr,
    /// PEM file with the receiver's own certificate. It is made when it is not there.
    pub certificate: PathBuf,
    /// PEM file with the key of that.
    pub key: PathBuf,
    /// Folder for what is remembered of finished intakes. It survives restarts.
    #[serde(default = "state")]
    pub state: PathBuf,
    /// Address of the bus, as in `unix:path=/run/bus`. Without it the system's.
    pub bus: Option<String>,
    #[serde(default, rename = "agent")]
    pub agents: Vec<AgentConfig>,
}

/// One agent: a protected system, by what it is known, and what it may add.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentConfig {
    /// Name of the protected system, as in the plan.
    pub system: String,
    #[serde(deserialize_with = "fingerprint")]
    pub fingerprint: Fingerprint,
    /// Names of the volumes that it may add.
    pub volumes: Vec<String>,
    /// Most bytes of a volume of it, as in `2T`.
    #[serde(deserialize_with = "bytes")]
    pub most_bytes: Bytes,
}

fn everywhere() -> SocketAddr {
    (Ipv6Addr::UNSPECIFIED, 8443).into()
}

fn state() -> PathBuf {
    "/var/lib/holdfast-receiver".into()
}

fn fingerprint<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Fingerprint, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map_err(|error| de::Error::custom(format!("a fingerprint: {error}")))
}

fn bytes<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Bytes, D::Error> {
    let text = String::deserialize(from)?;
    let read = parse_bytes(&text).map(Bytes);
    read.ok_or_else(|| de::Error::custom(format!("{text:?} is no amount of bytes, as in \"2T\"")))
}

impl Config {
    /// Reads the file. Paths in it that are relative are so to its folder.
    pub fn read(path: &Path) -> Result<Self> {
        let failed = |source| ReceiverError::File { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(failed)?.len() > MAX_BYTES {
            let text = format!("a configuration has at most {MAX_BYTES} bytes");
            return Err(failed(std::io::Error::other(text)));
        }
        let text = std::fs::read_to_string(path).map_err(failed)?;
        let whole = std::path::absolute(path).map_err(failed)?;
        let mut config = Self::parse(&text)
            .map_err(|source| ReceiverError::Config { path: path.to_owned(), source })?;
        let folder = whole.parent().unwrap_or(Path::new("/"));
        config.certificate = folder.join(&config.certificate);
        config.key = folder.join(&config.key);
        config.state = folder.join(&config.state);
        config.check()?;
        Ok(config)
    }

    fn parse(text: &str) -> std::result::Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// Refuses what would let two agents be taken for each other, or cost without bound.
    fn check(&self) -> Result<()> {
        let wrong = |what: String| Err(ReceiverError::Rule { what });
        if self.agents.len() > MAX_AGENTS {
            return wrong(format!("a box has at most {MAX_AGENTS} agents"));
        }
        let (mut systems, mut fingerprints) = (HashSet::new(), HashSet::new());
        for agent in &self.agents {
            let system = &agent.system;
            if !systems.insert(system) || !fingerprints.insert(agent.fingerprint) {
                return wrong(format!("agent {system}: its system or fingerprint is there twice"));
            }
            if agent.volumes.is_empty() || agent.volumes.len() > MAX_VOLUMES {
                return wrong(format!("agent {system}: it needs 1 to {MAX_VOLUMES} volumes"));
            }
            if let Some(name) = agent.volumes.iter().find(|name| !is_volume_name(name)) {
                return wrong(format!(
                    "agent {system}: volume {name:?}: a name has 1 to {MAX_NAME} letters, digits, \
                     '-', '_' and '.', and begins with none of the last"
                ));
            }
        }
        Ok(())
    }
}

/// Whether it can stand in a path of a request as it is.
pub(crate) fn is_volume_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=MAX_NAME).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(agents: &str) -> Result<Config> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("receiver.toml");
        let text = format!("certificate = \"c\"\nkey = \"/k\"\n{agents}");
        std::fs::write(&path, text).unwrap();
        let config = Config::read(&path)?;
        assert_eq!(config.certificate, folder.path().join("c"));
        Ok(config)
    }

    fn agent(system: &str, byte: u8, volumes: &str) -> String {
        let fingerprint = format!("{byte:02x}").repeat(32);
        format!(
            "[[agent]]\nsystem = {system:?}\nfingerprint = {fingerprint:?}\n\
             volumes = [{volumes}]\nmost_bytes = \"2T\"\n"
        )
    }

    #[test]
    fn agents_are_read_with_what_they_may_add() {
        let config = read(&agent("mail", 1, "\"root\", \"data\"")).unwrap();
        assert_eq!(config.agents[0].most_bytes, Bytes(2 << 40));
        assert_eq!(config.agents[0].fingerprint, Fingerprint([1; 32]));
        assert_eq!(config.listen.port(), 8443);
    }

    #[test]
    fn two_agents_that_could_be_taken_for_each_other_are_refused() {
        for (system, byte) in [("mail", 2), ("files", 1)] {
            let text = agent("mail", 1, "\"root\"") + &agent(system, byte, "\"root\"");
            let error = read(&text).unwrap_err().to_string();
            assert!(error.contains(system) && error.contains("twice"), "{error}");
        }
    }

    #[test]
    fn names_that_cannot_stand_in_a_path_are_refused() {
        for name in ["", "a/b", "..", "a b", "ä", &"x".repeat(65)] {
            let error = read(&agent("mail", 1, &format!("{name:?}"))).unwrap_err();
            assert!(matches!(error, ReceiverError::Rule { .. }), "{name}: {error}");
        }
    }

    #[test]
    fn a_key_that_nobody_knows_is_refused_with_its_line() {
        let error = read("listens = \"[::]:1\"\n").unwrap_err().to_string();
        assert!(error.contains("line 3") && error.contains("`listen`"), "{error}");
    }
}
