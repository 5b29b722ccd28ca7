//! The receiver's own certificate: a self-signed one, which agents pin by its fingerprint.
//!
//! It is made at the first start. When only one of the two files is there nothing is made: a new
//! certificate would lock all agents out, and a file that is away for a moment is no reason.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use model::Fingerprint;
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::{ReceiverError, Result};

/// A certificate with its key.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key: PrivateKeyDer<'static>,
}

/// What a peer with this certificate is known by.
pub(crate) fn fingerprint_of(certificate: &CertificateDer<'_>) -> Fingerprint {
    let hash = digest(&SHA256, certificate);
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hash.as_ref());
    Fingerprint(bytes)
}

impl Identity {
    /// Reads both files, or makes both when there is none.
    pub(crate) fn open(certificate: &Path, key: &Path) -> Result<Self> {
        if !exists(certificate)? && !exists(key)? {
            make(certificate, key)?;
        }
        let wrong = |path: &Path| {
            let path = path.to_owned();
            move |error: &dyn std::fmt::Display| ReceiverError::Certificate {
                path,
                what: error.to_string(),
            }
        };
        Ok(Self {
            certificate: CertificateDer::from_pem_file(certificate)
                .map_err(|error| wrong(certificate)(&error))?,
            key: PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key)(&error))?,
        })
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        fingerprint_of(&self.certificate)
    }
}

fn exists(path: &Path) -> Result<bool> {
    path.try_exists().map_err(|source| ReceiverError::File { path: path.to_owned(), source })
}

fn make(certificate: &Path, key: &Path) -> Result<()> {
    let failed = |error: rcgen::Error| ReceiverError::Certificate {
        path: certificate.to_owned(),
        what: error.to_string(),
    };
    let pair = KeyPair::generate().map_err(failed)?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "holdfast receiver");
    let signed = params.self_signed(&pair).map_err(failed)?;
    // The key first: a certificate without its key would look like a loss.
    write_new(key, &pair.serialize_pem())?;
    write_new(certificate, &signed.pem())
}

/// Writes a file that only this user can read.
fn write_new(path: &Path, text: &str) -> Result<()> {
    let failed = |source| ReceiverError::File { path: path.to_owned(), source };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_made_once_and_never_over_half_of_one() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("a/c.pem"), folder.path().join("a/k.pem"));
        let first = Identity::open(&certificate, &key).unwrap();
        let again = Identity::open(&certificate, &key).unwrap();
        assert_eq!(first.fingerprint(), again.fingerprint());
        std::fs::remove_file(&certificate).unwrap();
        assert!(Identity::open(&certificate, &key).is_err());
        assert!(!certificate.exists() && key.exists());
    }
}
