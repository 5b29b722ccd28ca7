//! What a certificate is known by.

use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use model::Fingerprint;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::error::{Result, unread};

/// The SHA-256 of the certificate in DER.
pub fn fingerprint_of(certificate: &CertificateDer<'_>) -> Fingerprint {
    let hash = digest(&SHA256, certificate);
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hash.as_ref());
    Fingerprint(bytes)
}

/// That of the certificate in a PEM file. The key is not needed for it.
pub fn fingerprint_in(path: &Path) -> Result<Fingerprint> {
    let certificate = CertificateDer::from_pem_file(path).map_err(|error| unread(path, error))?;
    Ok(fingerprint_of(&certificate))
}
