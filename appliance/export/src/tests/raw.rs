//! A client that says exactly what a test wants said.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long a test waits for the server before it fails.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) trait Socket: Read + Write {}
impl<T: Read + Write> Socket for T {}

pub(super) struct RawClient(Box<dyn Socket>);

/// A reply of the transmission phase: type (none for a simple reply), error, payload.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) cookie: u64,
    pub(super) chunk: Option<u16>,
    pub(super) error: u32,
    pub(super) last: bool,
    pub(super) payload: Vec<u8>,
}

impl RawClient {
    pub(super) fn unix(path: &Path) -> Self {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self::greet(Box::new(stream))
    }

    pub(super) fn tcp(address: std::net::SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self::greet(Box::new(stream))
    }

    fn greet(socket: Box<dyn Socket>) -> Self {
        let mut client = Self(socket);
        assert_eq!(client.receive(18)[..16], *b"NBDMAGICIHAVEOPT");
        client
    }

    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    pub(super) fn receive(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Waits until the server closes the connection; true if it sent nothing more.
    pub(super) fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).is_err_and(|e| e.kind() != std::io::ErrorKind::WouldBlock)
            || rest.is_empty()
    }

    /// Sends an option and returns the type of the last reply.
    pub(super) fn option(&mut self, code: u32, data: &[u8]) -> u32 {
        self.send(b"IHAVEOPT");
        self.send(&code.to_be_bytes());
        self.send(&(data.len() as u32).to_be_bytes());
        self.send(data);
        loop {
            let head = self.receive(20);
            let kind = u32::from_be_bytes(head[12..16].try_into().unwrap());
            self.receive(u32::from_be_bytes(head[16..20].try_into().unwrap()) as usize);
            if kind == 1 || kind & (1 << 31) != 0 {
                return kind;
            }
        }
    }

    /// Goes through the handshake to the transmission phase of `export`.
    pub(super) fn go(&mut self, export: &str, structured: bool) {
        self.send(&3u32.to_be_bytes());
        if structured {
            assert_eq!(self.option(8, &[]), 1);
        }
        let name = [&(export.len() as u32).to_be_bytes()[..], export.as_bytes(), &[0, 0]].concat();
        assert_eq!(self.option(7, &name), 1);
    }

    pub(super) fn request(&mut self, flags: u16, kind: u16, cookie: u64, at: u64, length: u32) {
        let head = [&0x2560_9513u32.to_be_bytes()[..], &flags.to_be_bytes(), &kind.to_be_bytes()];
        let rest = [&cookie.to_be_bytes()[..], &at.to_be_bytes(), &length.to_be_bytes()];
        self.send(&[head.concat(), rest.concat()].concat());
    }

    /// Receives one reply or chunk; `data` is the length of a simple reply's data.
    pub(super) fn reply(&mut self, data: usize) -> Reply {
        let magic = u32::from_be_bytes(self.receive(4).try_into().unwrap());
        if magic == 0x6744_6698 {
            let error = u32::from_be_bytes(self.receive(4).try_into().unwrap());
            let cookie = u64::from_be_bytes(self.receive(8).try_into().unwrap());
            let payload = if error == 0 { self.receive(data) } else { Vec::new() };
            return Reply { cookie, chunk: None, error, last: true, payload };
        }
        assert_eq!(magic, 0x668e_33ef);
        let head = self.receive(16);
        let number = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
        let cookie = u64::from_be_bytes(head[4..12].try_into().unwrap());
        let length = u32::from_be_bytes(head[12..16].try_into().unwrap());
        let payload = self.receive(length as usize);
        let is_error = number(2) & (1 << 15) != 0;
        let error = if is_error { u32::from_be_bytes(payload[..4].try_into().unwrap()) } else { 0 };
        Reply { cookie, chunk: Some(number(2)), error, last: number(0) & 1 != 0, payload }
    }
}
