//! Where an NBD server listens, and which export of it is meant.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::error::SourceError;
use super::wire::MAX_NAME;

/// The port that IANA gave to NBD.
const DEFAULT_PORT: u16 = 10809;

/// Bytes of the path of a Unix socket, so that it fits `sockaddr_un` with its closing zero.
const MAX_SOCKET_PATH: usize = 107;

/// An export of an NBD server.
///
/// Read from `nbd://host[:port]/name`, `nbd+unix:///name?socket=PATH` (both percent-encoded) or
/// `nbd:unix:PATH[:exportname=NAME]`; shown in the first two forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NbdAddress {
    server: Server,
    export: String,
}

/// How to reach a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Server {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
}

/// Why a text is not an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressFault {
    #[error(
        "expected nbd://host[:port]/name, nbd+unix:///name?socket=PATH or \
         nbd:unix:PATH[:exportname=NAME]"
    )]
    Form,
    #[error("NBD over TLS is not spoken here; reach the server through a tunnel")]
    Tls,
    #[error("the port is not a number from 1 to 65535")]
    Port,
    #[error("a % must stand before two hexadecimal digits, and names must be UTF-8")]
    Encoding,
    #[error("only the parameter socket is known, and nbd+unix needs it")]
    Parameters,
    #[error("an export name has at most {MAX_NAME} bytes")]
    NameLength,
    #[error("the path of a socket has 1 to {MAX_SOCKET_PATH} bytes")]
    SocketPath,
}

impl NbdAddress {
    /// An export of the server that listens on the Unix socket `path`.
    pub fn unix(path: &Path, export: &str) -> Result<Self, SourceError> {
        let server = Server::Unix(path.to_owned());
        Self::new(server, export.to_owned())
            .map_err(|reason| SourceError::Address { text: path.display().to_string(), reason })
    }

    /// Whether a text means to be an address and not a path.
    pub fn claims(text: &str) -> bool {
        ["nbd:", "nbd+", "nbds:", "nbds+"].iter().any(|scheme| text.starts_with(scheme))
    }

    /// The name of the export; empty for the default one.
    pub fn export(&self) -> &str {
        &self.export
    }

    pub(super) fn server(&self) -> &Server {
        &self.server
    }

    fn new(server: Server, export: String) -> Result<Self, AddressFault> {
        if export.len() > MAX_NAME {
            return Err(AddressFault::NameLength);
        }
        if let Server::Unix(path) = &server
            && !(1..=MAX_SOCKET_PATH).contains(&path.as_os_str().len())
        {
            return Err(AddressFault::SocketPath);
        }
        Ok(Self { server, export })
    }

    fn parse(text: &str) -> Result<Self, AddressFault> {
        if let Some(rest) = text.strip_prefix("nbd+unix://") {
            return Self::parse_unix(rest);
        }
        if let Some(rest) = text.strip_prefix("nbd://") {
            return Self::parse_tcp(rest);
        }
        if let Some(rest) = text.strip_prefix("nbd:unix:") {
            let (path, name) = rest.split_once(":exportname=").unwrap_or((rest, ""));
            return Self::new(Server::Unix(path.into()), name.to_owned());
        }
        match text.starts_with("nbds") {
            true => Err(AddressFault::Tls),
            false => Err(AddressFault::Form),
        }
    }

    fn parse_unix(rest: &str) -> Result<Self, AddressFault> {
        let (path, query) = rest.split_once('?').ok_or(AddressFault::Parameters)?;
        let name = path.strip_prefix('/').unwrap_or(path);
        let socket = query.strip_prefix("socket=").ok_or(AddressFault::Parameters)?;
        if socket.contains('&') {
            return Err(AddressFault::Parameters);
        }
        let socket = PathBuf::from(OsString::from_vec(decode(socket)?));
        Self::new(Server::Unix(socket), decode_text(name)?)
    }

    fn parse_tcp(rest: &str) -> Result<Self, AddressFault> {
        let (authority, name) = rest.split_once('/').unwrap_or((rest, ""));
        if rest.contains('?') {
            return Err(AddressFault::Parameters);
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(bracketed) => bracketed.split_once(']').ok_or(AddressFault::Form)?,
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let port = match port.strip_prefix(':') {
            Some(digits) => digits.parse().ok().filter(|port| *port != 0),
            None if port.is_empty() => Some(DEFAULT_PORT),
            None => return Err(AddressFault::Form),
        };
        let strange = |c: char| matches!(c, '@' | '[' | ']') || c.is_whitespace() || c.is_control();
        if host.is_empty() || host.contains(strange) {
            return Err(AddressFault::Form);
        }
        let server = Server::Tcp { host: host.to_owned(), port: port.ok_or(AddressFault::Port)? };
        Self::new(server, decode_text(name)?)
    }
}

impl FromStr for NbdAddress {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        Self::parse(text).map_err(|reason| SourceError::Address { text: text.to_owned(), reason })
    }
}

impl fmt::Display for NbdAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = encode(self.export.as_bytes());
        match &self.server {
            Server::Tcp { .. } => write!(f, "nbd://{}/{name}", self.server),
            Server::Unix(path) => {
                let path = encode(path.as_os_str().as_encoded_bytes());
                write!(f, "nbd+unix:///{name}?socket={path}")
            }
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

fn decode_text(text: &str) -> Result<String, AddressFault> {
    String::from_utf8(decode(text)?).map_err(|_| AddressFault::Encoding)
}

fn decode(text: &str) -> Result<Vec<u8>, AddressFault> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                let value = digit().zip(digit()).map(|(high, low)| high * 16 + low);
                value.and_then(|value| u8::try_from(value).ok()).ok_or(AddressFault::Encoding)?
            }
            plain => plain,
        });
    }
    Ok(decoded)
}

fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                text.push(char::from(*byte));
            }
            other => text.push_str(&format!("%{other:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tcp(host: &str, port: u16, export: &str) -> NbdAddress {
        let server = Server::Tcp { host: host.to_owned(), port };
        NbdAddress { server, export: export.to_owned() }
    }

    fn unix(path: &str, export: &str) -> NbdAddress {
        NbdAddress { server: Server::Unix(path.into()), export: export.to_owned() }
    }

    #[test]
    fn the_forms_of_an_address() {
        for (text, address) in [
            ("nbd://box/disk", tcp("box", 10809, "disk")),
            ("nbd://box:1/", tcp("box", 1, "")),
            ("nbd://box", tcp("box", 10809, "")),
            ("nbd://[fe80::1]:99/a%20b/c", tcp("fe80::1", 99, "a b/c")),
            ("nbd+unix:///disk?socket=/run/a%3fb", unix("/run/a?b", "disk")),
            ("nbd+unix://?socket=s", unix("s", "")),
            ("nbd:unix:/run/s", unix("/run/s", "")),
            ("nbd:unix:/run/s:exportname=a:b", unix("/run/s", "a:b")),
        ] {
            assert_eq!(NbdAddress::parse(text), Ok(address), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let long = format!("nbd:unix:/{}", "x".repeat(MAX_SOCKET_PATH));
        for (text, fault) in [
            ("nbds://box/disk", AddressFault::Tls),
            ("nbd:box:10809", AddressFault::Form),
            ("nbd:///disk", AddressFault::Form),
            ("nbd://user@box/disk", AddressFault::Form),
            ("nbd://[::1]x/disk", AddressFault::Form),
            ("nbd://box:0/disk", AddressFault::Port),
            ("nbd://box:65536/disk", AddressFault::Port),
            ("nbd://box/%zz", AddressFault::Encoding),
            ("nbd://box/%4", AddressFault::Encoding),
            ("nbd://box/%ff", AddressFault::Encoding),
            ("nbd://box/disk?tls=1", AddressFault::Parameters),
            ("nbd+unix:///disk", AddressFault::Parameters),
            ("nbd+unix:///disk?socket=a&b=c", AddressFault::Parameters),
            ("nbd+unix:///disk?socket=", AddressFault::SocketPath),
            (long.as_str(), AddressFault::SocketPath),
        ] {
            assert_eq!(NbdAddress::parse(text), Err(fault), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_address_or_an_error(rest in ".*") {
            for scheme in ["nbd://", "nbd+unix://", "nbd:unix:", ""] {
                let _ = NbdAddress::parse(&format!("{scheme}{rest}"));
            }
        }

        #[test]
        fn an_address_reads_back_as_shown(path in "/.{0,20}", export in ".{0,40}", port in 1u16..) {
            for address in [unix(&path, &export), tcp("::1", port, &export)] {
                prop_assert_eq!(NbdAddress::parse(&address.to_string()), Ok(address));
            }
        }
    }
}
