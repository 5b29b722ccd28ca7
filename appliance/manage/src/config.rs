//! The configuration: where it listens and what it keeps where.
//!
//! A TOML file that is read once, at start. What people change while it runs, accounts and the
//! like, is in its state.

use std::net::{Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{ManageError, Result};

/// Longest configuration file, in bytes.
const MAX_BYTES: u64 = 64 << 10;

/// Longest name of an appliance, in bytes: a host's.
const MAX_NAME: usize = 64;

/// What the file says. Paths that are relative are so to its folder.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address and port for people and programs, when the service manager passes no socket.
    #[serde(default = "everywhere")]
    pub listen: SocketAddr,
    /// Address and port for programs that show a certificate; without it nobody is asked for one.
    /// They are asked at a port of their own because browsers would ask their users in turn.
    pub listen_for_certificates: Option<SocketAddr>,
    /// What the appliance is called, for people. Without it the name of the host.
    pub name: Option<String>,
    /// PEM file with the certificate. It is made when it is not there.
    #[serde(default = "certificate")]
    pub certificate: PathBuf,
    /// PEM file with the key of that.
    #[serde(default = "key")]
    pub key: PathBuf,
    /// Folder for accounts and the audit log.
    #[serde(default = "state")]
    pub state: PathBuf,
    /// Folder for what the console is told and tells.
    #[serde(default = "runtime")]
    pub runtime: PathBuf,
    /// Address of the bus, as in `unix:path=/run/bus`. Without it the system's.
    pub bus: Option<String>,
}

fn everywhere() -> SocketAddr {
    (Ipv6Addr::UNSPECIFIED, 443).into()
}

fn certificate() -> PathBuf {
    "/var/lib/holdfast-manage/certificate.pem".into()
}

fn key() -> PathBuf {
    "/var/lib/holdfast-manage/key.pem".into()
}

fn state() -> PathBuf {
    "/var/lib/holdfast-manage".into()
}

fn runtime() -> PathBuf {
    "/run/holdfast-manage".into()
}

impl Config {
    /// Reads the file. One that is not there says nothing.
    pub fn read(path: &Path) -> Result<Self> {
        let failed = |source| ManageError::File { path: path.to_owned(), source };
        let text = match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(failed(error)),
            Ok(found) if found.len() > MAX_BYTES => {
                let text = format!("a configuration has at most {MAX_BYTES} bytes");
                return Err(failed(std::io::Error::other(text)));
            }
            Ok(_) => std::fs::read_to_string(path).map_err(failed)?,
        };
        let mut config: Self = toml::from_str(&text)
            .map_err(|source| ManageError::Config { path: path.to_owned(), source })?;
        let whole = std::path::absolute(path).map_err(failed)?;
        let folder = whole.parent().unwrap_or(Path::new("/"));
        for file in
            [&mut config.certificate, &mut config.key, &mut config.state, &mut config.runtime]
        {
            *file = folder.join(&*file);
        }
        Ok(config)
    }

    /// What the appliance is called.
    pub(crate) fn name(&self) -> String {
        let host = || std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let name = self.name.clone().unwrap_or_else(host);
        let clean: String =
            name.trim().chars().filter(|c| !c.is_control()).take(MAX_NAME).collect();
        if clean.is_empty() { "holdfast".to_owned() } else { clean }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_where_the_unit_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::read(&folder.path().join("manage.toml")).unwrap();
        assert_eq!(config.listen.port(), 443);
        assert_eq!(config.state, Path::new("/var/lib/holdfast-manage"));
        assert_eq!(config.listen_for_certificates, None);
        assert!(!config.name().is_empty());
    }

    #[test]
    fn paths_are_relative_to_the_file_and_unknown_keys_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("manage.toml");
        std::fs::write(&path, "state = \"state\"\nname = \"box\\u0007 7\"\n").unwrap();
        let config = Config::read(&path).unwrap();
        assert_eq!(config.state, folder.path().join("state"));
        assert_eq!(config.name(), "box 7");
        std::fs::write(&path, "lisen = \"[::]:1\"\n").unwrap();
        let error = Config::read(&path).unwrap_err().to_string();
        assert!(error.contains("line 1") && error.contains("`listen`"), "{error}");
    }
}
