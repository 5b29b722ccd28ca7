//! TLS towards receivers: the authorities of the system, and one file beside them.

use std::io::Read;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::error::SendError;

/// Largest file with authorities, in bytes.
const MAX_FILE: u64 = 1 << 20;

const NEXT: &str = "correct `ca`, or install the system's certificates";

/// The system's authorities, read once.
static SYSTEM: OnceLock<Vec<CertificateDer<'static>>> = OnceLock::new();

/// All authorities that are believed.
pub(super) fn authorities(ca: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, SendError> {
    let system = SYSTEM.get_or_init(|| rustls_native_certs::load_native_certs().certs);
    let mut all = system.clone();
    if let Some(path) = ca {
        let own = read(path);
        let failed = |error| SendError::passing(format!("{}: {error}", path.display()), NEXT);
        all.extend(own.map_err(failed)?);
    }
    Ok(all)
}

fn read(path: &Path) -> std::io::Result<Vec<CertificateDer<'static>>> {
    let mut pem = Vec::new();
    std::fs::File::open(path)?.take(MAX_FILE).read_to_end(&mut pem)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.map_err(std::io::Error::other)?;
    match certificates.is_empty() {
        true => Err(std::io::Error::other("there is no certificate in it")),
        false => Ok(certificates),
    }
}

/// A client that believes these, for TLS 1.2 and 1.3.
pub(super) fn client(ca: Option<&Path>) -> Result<Arc<ClientConfig>, SendError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities(ca)?);
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| SendError::passing(error, NEXT))?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}
