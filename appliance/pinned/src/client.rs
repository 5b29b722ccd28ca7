//! The side that connects: to one server, and no other.

use std::sync::{Arc, Mutex, PoisonError};

use model::Fingerprint;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme, version,
};

use crate::error::Result;
use crate::signatures::Signatures;
use crate::{Identity, fingerprint_of};

/// The client side, for the server with this fingerprint, speaking HTTP/1.1; and what tells whether
/// another one answered.
pub fn client(
    identity: Identity,
    server: Fingerprint,
) -> Result<(Arc<ClientConfig>, Arc<Expected>)> {
    let unfit = identity.unfit();
    let signatures = Signatures::new();
    let provider = signatures.provider();
    let expected = Arc::new(Expected { server, other: Mutex::new(None), signatures });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13])
        .map_err(&unfit)?
        .dangerous()
        .with_custom_certificate_verifier(expected.clone())
        .with_client_auth_cert(vec![identity.certificate], identity.key)
        .map_err(&unfit)?;
    config.enable_sni = false;
    config.resumption = rustls::client::Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((Arc::new(config), expected))
}

/// Accepts one server's certificate.
#[derive(Debug)]
pub struct Expected {
    server: Fingerprint,
    other: Mutex<Option<Fingerprint>>,
    signatures: Signatures,
}

impl Expected {
    /// What the last server showed, if that was something else.
    pub fn other(&self) -> Option<Fingerprint> {
        *self.other.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerCertVerifier for Expected {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, Error> {
        let found = fingerprint_of(end_entity);
        let same = found == self.server;
        *self.other.lock().unwrap_or_else(PoisonError::into_inner) = (!same).then_some(found);
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
        self.signatures.never()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, Error> {
        self.signatures.verify(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signatures.schemes()
    }
}
