//! TLS as the receiver speaks it: 1.3 only, and with clients whose certificate is pinned.
//!
//! There is no authority: a certificate is believed because its fingerprint is in the
//! configuration, and whoever shows it must sign with its key. Names and dates in it say nothing.
//! No session is resumed, so each connection proves that anew.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use model::Fingerprint;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved,
    ServerConfig, SignatureScheme, version,
};

use crate::certificate::{Identity, fingerprint_of};
use crate::error::{ReceiverError, Result};

/// The server side, for clients with one of these certificates.
pub(crate) fn config(
    identity: Identity,
    known: HashSet<Fingerprint>,
    at: &Path,
) -> Result<Arc<ServerConfig>> {
    let wrong =
        |error: Error| ReceiverError::Certificate { path: at.to_owned(), what: error.to_string() };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let pinned = Arc::new(Pinned { known, provider: provider.clone() });
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13])
        .map_err(wrong)?
        .with_client_cert_verifier(pinned)
        .with_single_cert(vec![identity.certificate], identity.key)
        .map_err(wrong)?;
    config.send_tls13_tickets = 0;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Accepts the certificates with these fingerprints, and no others.
#[derive(Debug)]
struct Pinned {
    known: HashSet<Fingerprint>,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for Pinned {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> std::result::Result<ClientCertVerified, Error> {
        match self.known.contains(&fingerprint_of(end_entity)) {
            true => Ok(ClientCertVerified::assertion()),
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
