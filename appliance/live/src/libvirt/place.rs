//! Where the hypervisor is, and where it can serve disks so that this box reaches them.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use ingest::NbdAddress;

use super::xml::escaped;
use crate::error::{LiveError, Result};

/// Sockets of the system's libvirt lie here: QEMU's user may write to it, and ours reaches what is
/// in it.
const SYSTEM: &str = "/run/holdfast-libvirt";

/// Ports that disks of machines on other hosts are served at; IANA gave the first to NBD.
const FIRST_PORT: u16 = 10809;
const PORTS: u16 = 32;

/// Where disks are served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Sockets lie in this folder.
    Local(PathBuf),
    /// It listens on an address of its own, which this name has.
    Remote { host: String },
}

/// A server that QEMU is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Server {
    Unix(PathBuf),
    Tcp { host: String, port: u16 },
}

impl Place {
    /// # Errors
    /// When the address is not one of QEMU's.
    pub(super) fn of(uri: &str) -> Result<Self> {
        let wrong = || LiveError::Unreachable {
            uri: uri.to_owned(),
            message: "it is no address of a QEMU that libvirt looks after".to_owned(),
        };
        let (scheme, rest) = uri.split_once("://").ok_or_else(wrong)?;
        if scheme != "qemu" && !scheme.starts_with("qemu+") {
            return Err(wrong());
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = authority.rsplit('@').next().unwrap_or_default();
        let host = match host.strip_prefix('[') {
            Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        };
        if !host.is_empty() && scheme != "qemu+unix" {
            return Ok(Self::Remote { host: host.to_owned() });
        }
        Ok(Self::Local(match path {
            "session" => session(query).ok_or_else(wrong)?,
            _ => SYSTEM.into(),
        }))
    }

    pub(super) fn is_local(&self) -> bool {
        matches!(self, Self::Local(_))
    }

    /// Servers that a machine can have, in the order in which they are to be tried.
    pub(super) fn servers(&self, uuid: &str) -> Vec<Server> {
        match self {
            Self::Local(folder) => vec![Server::Unix(folder.join(format!("holdfast-{uuid}")))],
            Self::Remote { host } => {
                let sum = uuid
                    .bytes()
                    .fold(0_u16, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
                let server = |next| Server::Tcp {
                    host: host.clone(),
                    port: FIRST_PORT + (sum % PORTS + next) % PORTS,
                };
                (0..PORTS).map(server).collect()
            }
        }
    }
}

/// The folder of the session's libvirt.
fn session(query: &str) -> Option<PathBuf> {
    let named = query.split('&').find_map(|pair| pair.strip_prefix("socket="));
    if let Some(socket) = named {
        let socket = PathBuf::from(OsString::from_vec(decoded(socket)?));
        return socket.parent().filter(|folder| folder.is_absolute()).map(Path::to_owned);
    }
    let own = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let user = rustix::process::getuid().as_raw();
    Some(own.unwrap_or_else(|| format!("/run/user/{user}").into()).join("libvirt"))
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut all) = (text.bytes(), Vec::with_capacity(text.len()));
    while let Some(byte) = bytes.next() {
        all.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            plain => plain,
        });
    }
    Some(all)
}

impl Server {
    /// What libvirt is told of it.
    pub(super) fn xml(&self) -> String {
        match self {
            Self::Unix(path) => {
                let path = escaped(&path.display().to_string());
                format!("<server transport='unix' socket='{path}'/>")
            }
            Self::Tcp { host, port } => {
                format!("<server transport='tcp' name='{}' port='{port}'/>", escaped(host))
            }
        }
    }

    pub(super) fn address(&self, export: &str) -> Result<NbdAddress> {
        Ok(match self {
            Self::Unix(path) => NbdAddress::unix(path, export)?,
            Self::Tcp { host, port } if host.contains(':') => {
                format!("nbd://[{host}]:{port}/{export}").parse()?
            }
            Self::Tcp { host, port } => format!("nbd://{host}:{port}/{export}").parse()?,
        })
    }

    /// What a person should know about it.
    pub(super) fn warning(&self) -> Option<String> {
        match self {
            Self::Unix(_) => None,
            Self::Tcp { host, port } => Some(format!(
                "the disks came from {host} port {port} unencrypted, and anybody on that network \
                 could read them meanwhile"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hypervisor_is_here_or_on_another_host() {
        let remote = |host: &str| Place::Remote { host: host.to_owned() };
        let local = |folder: &str| Place::Local(folder.into());
        for (uri, place) in [
            ("qemu:///system", local(SYSTEM)),
            ("qemu+unix:///system?socket=/x/libvirt-sock", local(SYSTEM)),
            ("qemu+unix:///session?mode=direct&socket=/x/%61/libvirt-sock", local("/x/a")),
            ("qemu+ssh://root@host:22/system?no_tty=1", remote("host")),
            ("qemu+tls://[fe80::1]:16514/system", remote("fe80::1")),
            ("qemu://host/system", remote("host")),
        ] {
            assert_eq!(Place::of(uri).unwrap(), place, "{uri}");
        }
        for wrong in ["", "xen:///system", "qemu:/system", "qemu+unix:///session?socket=x"] {
            assert!(Place::of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_machine_of_another_host_has_ports_of_few() {
        let servers = Place::Remote { host: "::1".to_owned() }.servers("8f572191");
        let ports: std::collections::BTreeSet<u16> = servers
            .iter()
            .map(|server| match server {
                Server::Tcp { port, .. } => *port,
                Server::Unix(_) => 0,
            })
            .collect();
        assert!(ports.iter().copied().eq(FIRST_PORT..FIRST_PORT + PORTS), "{ports:?}");
        let address = servers[0].address("x").unwrap().to_string();
        assert!(address.starts_with("nbd://[::1]:108"), "{address}");
        assert!(servers[0].warning().unwrap().contains("unencrypted"));
    }
}
