//! Somebody who connects to a daemon over TLS and keeps to no rule.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned,
};
use serde_json::Value;

/// By then everything has ended that a daemon ends.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection with TLS, whose bytes are whatever one likes.
pub(crate) struct Peer(StreamOwned<ClientConnection, TcpStream>);

impl Peer {
    /// Connects, with a certificate or without one. The handshake is not yet done.
    pub(crate) fn connect(to: SocketAddr, identity: Option<(PathBuf, PathBuf)>) -> Self {
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("a version")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody));
        let config = match identity {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let certificate = CertificateDer::from_pem_file(certificate).expect("one");
                let key = PrivateKeyDer::from_pem_file(key).expect("a key");
                config.with_client_auth_cert(vec![certificate], key).expect("they fit")
            }
        };
        let stream = TcpStream::connect(to).expect("the daemon listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time");
        stream.set_write_timeout(Some(PATIENCE)).expect("a time");
        let name = ServerName::try_from("box").expect("a name");
        let session = ClientConnection::new(Arc::new(config), name).expect("a session");
        Self(StreamOwned::new(session, stream))
    }

    /// Sends bytes; whether they could be.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).and_then(|()| self.0.flush()).is_ok()
    }

    /// All that comes until the daemon ends the connection.
    pub(crate) fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        if let Err(error) = self.0.read_to_end(&mut bytes) {
            let waited = matches!(
                error.kind(),
                std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
            );
            assert!(!waited, "the daemon does not end the connection");
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Makes a request and gives the status and the JSON of its answer.
    pub(crate) fn ask(&mut self, head: &str, more: &str, body: &[u8]) -> (u16, Value) {
        let text =
            format!("{head} HTTP/1.1\r\nhost: box\r\ncontent-length: {}\r\n{more}\r\n", body.len());
        assert!(self.send(&[text.as_bytes(), body].concat()), "the request is taken");
        self.answer()
    }

    /// Reads one answer.
    pub(crate) fn answer(&mut self) -> (u16, Value) {
        let (status, _, body) = self.whole_answer();
        (status, serde_json::from_slice(&body).expect("JSON"))
    }

    /// Reads one answer: status, head and body.
    pub(crate) fn whole_answer(&mut self) -> (u16, String, Vec<u8>) {
        http_answer(&mut self.0).expect("an answer")
    }

    /// Reads one line of what comes.
    pub(crate) fn line(&mut self) -> String {
        line(&mut self.0).expect("a line")
    }

    /// Writes through TLS as an agent does.
    pub(crate) fn put(&mut self, path: &str, body: &[u8]) -> (u16, Value) {
        let digest = format!("holdfast-blake3: {}\r\n", blake3::hash(body).to_hex());
        self.ask(&format!("PUT {path}"), &digest, body)
    }
}

/// Reads one answer: status, head and body.
pub(crate) fn http_answer(from: &mut impl Read) -> std::io::Result<(u16, String, Vec<u8>)> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        from.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8(head).expect("a head");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let body = match length {
        Some((_, length)) => bytes(from, length.trim().parse().expect("a length"))?,
        None => chunks(from)?,
    };
    Ok((status, head, body))
}

/// A body whose length nobody knew when it began.
fn chunks(from: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let length = usize::from_str_radix(line(from)?.trim(), 16).expect("a length");
        body.extend(bytes(from, length)?);
        assert_eq!(line(from)?, "\r\n", "the end of a chunk");
        if length == 0 {
            return Ok(body);
        }
    }
}

fn bytes(from: &mut impl Read, length: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn line(from: &mut impl Read) -> std::io::Result<String> {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while !line.ends_with(b"\n") {
        from.read_exact(&mut byte)?;
        line.extend(byte);
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}

/// Believes everybody to be the box.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}
