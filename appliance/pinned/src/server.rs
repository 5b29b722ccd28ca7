//! The side that listens: for clients that it knows, and nobody else.

use std::collections::HashSet;
use std::sync::Arc;

use model::Fingerprint;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
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
    let signatures = Signatures::new();
    let provider = signatures.provider();
    config(identity, provider, Some(Arc::new(Known { clients: Some(clients), signatures })))
}

/// The same for clients that are let in by something else: a password, or a certificate that is
/// looked up once it is known that the client has its key. `asks` for a certificate, which a
/// client need not have.
pub fn open_server(identity: Identity, asks: bool) -> Result<Arc<ServerConfig>> {
    let signatures = Signatures::new();
    let provider = signatures.provider();
    let verifier = asks.then(|| Arc::new(Known { clients: None, signatures }));
    config(identity, provider, verifier)
}

fn config(
    identity: Identity,
    provider: Arc<CryptoProvider>,
    verifier: Option<Arc<Known>>,
) -> Result<Arc<ServerConfig>> {
    let unfit = identity.unfit();
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13])
        .map_err(&unfit)?;
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config =
        builder.with_single_cert(vec![identity.certificate], identity.key).map_err(&unfit)?;
    config.send_tls13_tickets = 0;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Accepts the certificates of these clients, or all, and clients without one as well.
#[derive(Debug)]
struct Known {
    clients: Option<HashSet<Fingerprint>>,
    signatures: Signatures,
}

impl ClientCertVerifier for Known {
    fn client_auth_mandatory(&self) -> bool {
        self.clients.is_some()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> std::result::Result<ClientCertVerified, Error> {
        let known = |clients: &HashSet<_>| clients.contains(&fingerprint_of(end_entity));
        match self.clients.as_ref().is_none_or(known) {
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
