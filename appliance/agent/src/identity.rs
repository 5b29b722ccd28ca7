//! Who the agent is: a key that never leaves this machine, and a self-signed certificate of it.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use ::aws_lc_rs::digest::{SHA256, digest};
use model::Fingerprint;
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, PeerMisbehaved, SignatureScheme,
    version,
};

use crate::config::Config;
use crate::error::{AgentError, Result};

/// What a certificate is known by.
fn fingerprint_of(certificate: &CertificateDer<'_>) -> Fingerprint {
    let hash = digest(&SHA256, certificate);
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hash.as_ref());
    Fingerprint(bytes)
}

/// The fingerprint of this agent's certificate.
pub(crate) fn own_fingerprint(config: &Config) -> Result<Fingerprint> {
    Ok(fingerprint_of(&certificate(&config.certificate)?))
}

fn certificate(path: &Path) -> Result<CertificateDer<'static>> {
    CertificateDer::from_pem_file(path).map_err(|error| wrong(path, &error))
}

fn wrong(path: &Path, error: &dyn std::fmt::Display) -> AgentError {
    AgentError::Identity { path: path.to_owned(), what: error.to_string() }
}

/// Makes a key and its certificate where both files are missing; whether it did.
pub(crate) fn make(config: &Config, name: &str) -> Result<bool> {
    let there = |path: &Path| {
        path.try_exists().map_err(|source| AgentError::File { path: path.to_owned(), source })
    };
    if there(&config.certificate)? || there(&config.key)? {
        return Ok(false);
    }
    let failed = |error: rcgen::Error| wrong(&config.certificate, &error);
    let pair = KeyPair::generate().map_err(failed)?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, format!("holdfast agent {name}"));
    let signed = params.self_signed(&pair).map_err(failed)?;
    write_new(&config.key, &pair.serialize_pem())?;
    write_new(&config.certificate, &signed.pem())?;
    Ok(true)
}

/// Writes a file that only this user can read.
fn write_new(path: &Path, text: &str) -> Result<()> {
    let failed = |source| AgentError::File { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        match std::fs::create_dir_all(folder) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(failed(error)),
            _ => {}
        }
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}

/// TLS 1.3 to the box with this fingerprint and no other.
pub(crate) fn tls(config: &Config) -> Result<(Arc<ClientConfig>, Arc<Pinned>)> {
    let certificate = certificate(&config.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&config.key);
    let key = key.map_err(|error| wrong(&config.key, &error))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let pinned = Arc::new(Pinned {
        expected: config.fingerprint,
        found: Mutex::new(None),
        provider: provider.clone(),
    });
    let failed = |error: Error| wrong(&config.certificate, &error);
    let mut tls = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13])
        .map_err(failed)?
        .dangerous()
        .with_custom_certificate_verifier(pinned.clone())
        .with_client_auth_cert(vec![certificate], key)
        .map_err(failed)?;
    tls.enable_sni = false;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((Arc::new(tls), pinned))
}

/// Accepts the box's certificate by its fingerprint. Names and dates in it say nothing.
#[derive(Debug)]
pub(crate) struct Pinned {
    expected: Fingerprint,
    found: Mutex<Option<Fingerprint>>,
    provider: Arc<CryptoProvider>,
}

impl Pinned {
    /// What the last peer showed, if that was something else.
    pub(crate) fn other(&self) -> Option<Fingerprint> {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, Error> {
        let found = fingerprint_of(end_entity);
        let same = found == self.expected;
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = (!same).then_some(found);
        match same {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, Error> {
        Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
