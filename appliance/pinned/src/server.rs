//! The side that listens: for clients that it knows, and nobody else.

use std::collections::HashSet;
use std::sync::Arc;

use model::Fingerprint;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
    SignatureScheme, version,
};

use crate::error::Result;
use crate::signatures::Signatures;
use crate::{Identity, fingerprint_of};

/// The server side, for clients with one of these fingerprints, speaking HTTP/1.1.
pub fn server(identity: Identity, clients: HashSet<Fingerprint>) -> Result<Arc<ServerConfig>> {
    let unfit = identity.unfit();
    let signatures = Signatures::new();
    let provider = signatures.provider();
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13])
        .map_err(&unfit)?
        .with_client_cert_verifier(Arc::new(Known { clients, signatures }))
        .with_single_cert(vec![identity.certificate], identity.key)
        .map_err(&unfit)?;
    config.send_tls13_tickets = 0;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Accepts the certificates of these clients.
#[derive(Debug)]
struct Known {
    clients: HashSet<Fingerprint>,
    signatures: Signatures,
}

impl ClientCertVerifier for Known {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> std::result::Result<ClientCertVerified, Error> {
        match self.clients.contains(&fingerprint_of(end_entity)) {
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
