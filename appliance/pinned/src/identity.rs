//! Who one side is: a certificate with its key.

use std::path::{Path, PathBuf};

use model::Fingerprint;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::{PinnedError, Result, unread, wrong};
use crate::fingerprint_of;

/// A certificate with its key, as two PEM files have them.
#[derive(Debug)]
pub struct Identity {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key: PrivateKeyDer<'static>,
    path: PathBuf,
}

impl Identity {
    /// Reads both files.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self> {
        let path = certificate.to_owned();
        let read = CertificateDer::from_pem_file(certificate);
        let certificate = read.map_err(|error| unread(certificate, error))?;
        let read = PrivateKeyDer::from_pem_file(key);
        Ok(Self { certificate, key: read.map_err(|error| unread(key, error))?, path })
    }

    /// What the other side knows it by.
    pub fn fingerprint(&self) -> Fingerprint {
        fingerprint_of(&self.certificate)
    }

    /// TLS cannot be spoken with it.
    pub(crate) fn unfit(&self) -> impl Fn(rustls::Error) -> PinnedError + use<> {
        let path = self.path.clone();
        move |error| wrong(&path, &error)
    }
}
