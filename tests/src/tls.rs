//! Exports over TCP: nothing goes without TLS, and who is who is told by certificates.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::Value;

use crate::harness::{Export, MIB, Pool, client, image, number, run_with, text};

/// An authority that signs for servers and clients.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names at all");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    /// Writes a new certificate for these names, and its key.
    fn sign(&self, names: &[&str], certificate: &Path, key_file: &Path) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(names).expect("names of hosts");
        let signed = params.signed_by(&key, &self.0).expect("a certificate");
        fs::write(certificate, signed.pem()).expect("room for a small file");
        fs::write(key_file, key.serialize_pem()).expect("room for a small file");
    }

    /// A folder as libnbd wants it: whom to trust and, if somebody signs for it, who one is.
    fn folder(&self, folder: PathBuf, signer: Option<&Self>) -> PathBuf {
        fs::create_dir(&folder).expect("a new folder");
        fs::write(folder.join("ca-cert.pem"), self.0.pem()).expect("room for a small file");
        if let Some(signer) = signer {
            let (certificate, key) =
                (folder.join("client-cert.pem"), folder.join("client-key.pem"));
            signer.sign(&["client"], &certificate, &key);
        }
        folder
    }
}

/// An export of the newest recovery point on a free TCP port, as `localhost`.
fn listen(pool: &Pool, authority: &Authority, more: &[&Path]) -> Export {
    let (certificate, key) = (pool.path("server-cert.pem"), pool.path("server-key.pem"));
    authority.sign(&["localhost", "127.0.0.1"], &certificate, &key);
    let mut export = pool.command(&["export", "--point", "latest", "--listen", "127.0.0.1:0"]);
    export.arg("--tls-certificate").arg(certificate).arg("--tls-key").arg(key).args(more);
    Export::listen(export)
}

/// Where a client finds the export, with its folder of certificates or without TLS.
fn uri(export: &Export, certificates: Option<&Path>) -> String {
    let port = text(&export.ready, "address").rsplit(':').next().expect("an address and a port");
    match certificates {
        None => format!("nbd://localhost:{port}/"),
        Some(folder) => {
            format!("nbds://localhost:{port}/?tls-certificates={}", folder.display())
        }
    }
}

/// Checks that a client gets nothing; `None` when it is not installed.
fn gets_nothing(uri: &str) -> Option<()> {
    client("nbdinfo", &["--version"])?;
    let output = Command::new("nbdinfo").args(["--size", uri]).output().expect("it is installed");
    assert!(!output.status.success() && output.stdout.is_empty(), "{uri} was served");
    Some(())
}

/// Checks that nbdinfo and nbdcopy get the image.
fn gets(pool: &Pool, uri: &str, bytes: &[u8]) -> Option<()> {
    let info = client("nbdinfo", &["--json", uri])?;
    let info: Value = serde_json::from_str(&info).expect("the JSON of nbdinfo");
    assert_eq!(info["TLS"], true);
    assert_eq!(number(&info["exports"][0], "export-size"), bytes.len() as u64);
    let copy = pool.path("copy");
    client("nbdcopy", &[uri, &copy.to_string_lossy()])?;
    assert!(fs::read(&copy).expect("the copy") == bytes, "nbdcopy got something else");
    fs::remove_file(&copy).expect("the copy");
    Some(())
}

#[test]
fn an_export_over_tcp_is_for_clients_with_tls_that_trust_its_certificate() {
    let pool = Pool::new(1, 64);
    let bytes = image(121, 5 * MIB + 512);
    pool.take_bytes("image", &bytes);
    let authority = Authority::new();
    let export = listen(&pool, &authority, &[]);
    let trusting = authority.folder(pool.path("trusting"), None);
    let distrusting = Authority::new().folder(pool.path("distrusting"), None);

    if gets_nothing(&uri(&export, None)).is_some() {
        gets_nothing(&uri(&export, Some(&distrusting)));
        gets(&pool, &uri(&export, Some(&trusting)), &bytes);
    }
    export.stop();
}

#[test]
fn an_export_for_some_clients_is_for_those_with_a_certificate_of_their_authority() {
    let pool = Pool::new(1, 64);
    let bytes = image(122, 5 * MIB);
    pool.take_bytes("image", &bytes);
    let (servers, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let clients_file = pool.path("clients.pem");
    fs::write(&clients_file, clients.0.pem()).expect("room for a small file");
    let export = listen(&pool, &servers, &[Path::new("--tls-clients"), &clients_file]);
    let nobody = servers.folder(pool.path("nobody"), None);
    let stranger = servers.folder(pool.path("stranger"), Some(&strangers));
    let known = servers.folder(pool.path("known"), Some(&clients));

    if gets_nothing(&uri(&export, None)).is_some() {
        gets_nothing(&uri(&export, Some(&nobody)));
        gets_nothing(&uri(&export, Some(&stranger)));
        gets(&pool, &uri(&export, Some(&known)), &bytes);
    }
    export.stop();
}

#[test]
fn without_a_usable_certificate_nothing_listens() {
    let pool = Pool::new(1, 64);
    pool.take_bytes("image", &image(123, MIB));
    let listen = ["export", "--point", "latest", "--listen", "127.0.0.1:0"];
    let bare = run_with::<&str>(pool.command(&listen), &[]);
    assert_eq!(bare.code, Some(2), "{}", bare.stderr);
    assert!(bare.stderr.contains("--tls-certificate"), "{}", bare.stderr);

    let (certificate, key) = (pool.path("certificate"), pool.path("key"));
    let tls = || {
        let files = ["--tls-certificate".as_ref(), certificate.as_path()];
        run_with(pool.command(&listen), &[&files[..], &["--tls-key".as_ref(), &key]].concat())
    };
    tls().refused("certificate", "PEM");
    Authority::new().sign(&["localhost"], &certificate, &key);
    fs::write(&key, "no key").expect("room for a small file");
    tls().refused("key", "PEM");
    Authority::new().sign(&["localhost"], &pool.path("other"), &key);
    tls().refused("certificate", "PEM");
}
