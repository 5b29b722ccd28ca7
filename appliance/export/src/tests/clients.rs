//! Clients that nobody here wrote: libnbd's and QEMU's tools.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use model::PointId;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::runtime::Runtime;

use super::raw::RawClient;
use super::{FileImage, MemoryImage};
use crate::{Base, Disk, Export, Image, Overlay, Server};

/// No whole number of blocks or sectors.
const SIZE: usize = (24 << 20) + 1000;

struct Bench {
    runtime: Runtime,
    directory: tempfile::TempDir,
    image: Arc<dyn Image>,
}

impl Bench {
    /// An image of `size` bytes, also as a file `image.raw`.
    fn new(size: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let directory = tempfile::tempdir().unwrap();
        let image = MemoryImage::patterned(size);
        std::fs::write(directory.path().join("image.raw"), &image.0).unwrap();
        Self { runtime, directory, image: Arc::new(image) }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn read_only(&self) -> Server {
        self.serve(Disk::ReadOnly(self.image.clone()), true)
    }

    fn writable(&self) -> Server {
        let base = Base { point: PointId([1; 16]), volume: 0 };
        let path = self.file("overlay");
        let open = Overlay::open(&path, base, self.image.clone());
        let overlay = self.runtime.block_on(open).unwrap();
        self.serve(Disk::Writable(Arc::new(overlay)), false)
    }

    fn serve(&self, disk: Disk, read_only: bool) -> Server {
        let export = Export { name: "machine".into(), disk, read_only };
        let server = Server::new(vec![export]).unwrap();
        self.runtime.block_on(server.serve_unix(&self.file("nbd"))).unwrap();
        server
    }

    fn shutdown(&self, server: Server) {
        let stats = self.runtime.block_on(server.shutdown()).unwrap();
        assert_eq!(stats.recent_faults, []);
        assert!(stats.connections > 0);
    }

    fn uri(&self) -> String {
        format!("nbd+unix:///machine?socket={}", self.file("nbd").display())
    }
}

/// Runs a client to its success and returns what it printed; nothing if it is not installed.
fn client(program: &str, arguments: &[&str]) -> Option<String> {
    let output = match Command::new(program).args(arguments).stdin(Stdio::null()).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("skipped: {program} is not installed");
            return None;
        }
        other => other.unwrap(),
    };
    let (printed, complaints) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {arguments:?}: {printed}{complaints}");
    Some(printed.into_owned())
}

fn same(left: &Path, right: &Path) -> bool {
    std::fs::read(left).unwrap() == std::fs::read(right).unwrap()
}

#[test]
fn nbdinfo_sees_the_export_as_it_is() {
    let bench = Bench::new(SIZE);
    let server = bench.read_only();
    let Some(info) = client("nbdinfo", &["--json", &bench.uri()]) else { return };
    for fact in [
        format!("\"export-size\": {SIZE}"),
        "\"protocol\": \"newstyle-fixed\"".into(),
        "\"structured\": true".into(),
        "\"base:allocation\"".into(),
        "\"is_read_only\": true".into(),
        "\"can_multi_conn\": true".into(),
        "\"can_df\": true".into(),
        "\"block_size_minimum\": 1".into(),
    ] {
        assert!(info.contains(&fact), "{fact} is not in {info}");
    }
    let list = format!("nbd+unix:///?socket={}", bench.file("nbd").display());
    let list = client("nbdinfo", &["--list", &list]).unwrap();
    assert!(list.contains("export=\"machine\""), "{list}");
    bench.shutdown(server);
}

#[test]
fn nbdinfo_maps_the_holes() {
    let bench = Bench::new(SIZE);
    let server = bench.read_only();
    let Some(map) = client("nbdinfo", &["--map", &bench.uri()]) else { return };
    let image = std::fs::read(bench.file("image.raw")).unwrap();
    let mut at = 0;
    for line in map.lines() {
        let mut words = line.split_whitespace().map(|word| word.parse::<usize>().unwrap_or(99));
        let (start, length, state) =
            (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        assert_eq!(start, at);
        assert_eq!(state == 3, image[at..at + length].iter().all(|byte| *byte == 0), "{line}");
        at += length;
    }
    assert_eq!(at, SIZE);
    bench.shutdown(server);
}

#[test]
fn nbdcopy_copies_over_four_connections_and_over_one() {
    let bench = Bench::new(SIZE);
    let server = bench.read_only();
    let copy = bench.file("copy.raw");
    for connections in ["--connections=4", "--connections=1"] {
        let arguments = [connections, &bench.uri(), copy.to_str().unwrap()];
        if client("nbdcopy", &arguments).is_none() {
            return;
        }
        assert!(same(&copy, &bench.file("image.raw")));
        std::fs::remove_file(&copy).unwrap();
    }
    bench.shutdown(server);
}

#[test]
fn a_file_image_is_served_like_any_other() {
    let bench = Bench::new(SIZE);
    let image = FileImage::open(&bench.file("image.raw")).unwrap();
    let server = bench.serve(Disk::ReadOnly(Arc::new(image)), true);
    let copy = bench.file("copy.raw");
    if client("nbdcopy", &[&bench.uri(), copy.to_str().unwrap()]).is_some() {
        assert!(same(&copy, &bench.file("image.raw")));
        bench.shutdown(server);
    }
}

#[test]
fn qemu_img_finds_no_difference() {
    let bench = Bench::new(SIZE.next_multiple_of(512));
    let server = bench.read_only();
    let image = bench.file("image.raw");
    let arguments = ["compare", "-f", "raw", "-F", "raw", &bench.uri(), image.to_str().unwrap()];
    if client("qemu-img", &arguments).is_some() {
        bench.shutdown(server);
    }
}

/// QEMU does the same to an overlay and to a copy of the image; after a restart of the server both
/// are still the same.
#[test]
fn what_qemu_io_writes_survives_a_restart() {
    let bench = Bench::new(SIZE.next_multiple_of(512));
    let copy = bench.file("copy.raw");
    std::fs::copy(bench.file("image.raw"), &copy).unwrap();
    let commands = [
        "write -P 17 0 64k",
        "write -P 18 1000k 3M",
        "write -P 19 5000k 512",
        "write -P 20 5001k 1536",
        "write -z 2M 1M",
        "write -z -u 8M 4M",
        "write -z -u 13000k 513k",
        "write -f -P 21 16M 8k",
        "discard 20M 64k",
        "write -P 22 20M 64k",
        "aio_write -P 23 21M 1M",
        "aio_write -P 24 22M 1M",
        "aio_flush",
        "flush",
        "read -P 17 0 64k",
        "read -P 0 2M 1M",
        "read -P 24 22M 1M",
    ];
    let server = bench.writable();
    for target in [bench.uri(), copy.to_str().unwrap().to_owned()] {
        let mut arguments = vec!["-f", "raw", "-d", "unmap"];
        commands.iter().for_each(|command| arguments.extend(["-c", command]));
        arguments.push(&target);
        let Some(printed) = client("qemu-io", &arguments) else { return };
        assert!(!printed.contains("failed"), "{printed}");
    }
    bench.shutdown(server);
    let server = bench.writable();
    let uri = bench.uri();
    client("qemu-img", &["compare", "-f", "raw", "-F", "raw", &uri, copy.to_str().unwrap()]);
    bench.shutdown(server);
}

#[test]
fn nbdcopy_fills_an_overlay() {
    let bench = Bench::new(SIZE);
    let source = bench.file("source.raw");
    let mut bytes = MemoryImage::patterned(SIZE).0;
    bytes.reverse();
    std::fs::write(&source, &bytes).unwrap();
    let server = bench.writable();
    let arguments = ["--destination-is-zero", "--flush", source.to_str().unwrap(), &bench.uri()];
    if client("nbdcopy", &[arguments[1], arguments[2], arguments[3]]).is_none() {
        return;
    }
    bench.shutdown(server);
    let server = bench.writable();
    let copy = bench.file("copy.raw");
    client("nbdcopy", &[&bench.uri(), copy.to_str().unwrap()]);
    assert!(same(&copy, &source));
    bench.shutdown(server);
}

/// A certificate for `localhost`; the authority's goes to `directory`, as libnbd wants it.
fn tls_config(directory: &Path) -> Arc<rustls::ServerConfig> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    std::fs::write(directory.join("ca-cert.pem"), authority.pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key);
    Arc::new(config.unwrap())
}

#[test]
fn nbdcopy_copies_over_tls_and_nothing_goes_without() {
    let bench = Bench::new(SIZE);
    let disk = Disk::ReadOnly(bench.image.clone());
    let export = Export { name: "machine".into(), disk, read_only: true };
    let server = Server::new(vec![export]).unwrap();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let tls = tls_config(bench.directory.path());
    let bound = bench.runtime.block_on(server.serve_tcp(address, Some(tls))).unwrap();

    let mut bare = RawClient::tcp(bound);
    bare.send(&3u32.to_be_bytes());
    assert_eq!(bare.option(3, &[]), (1 << 31) + 5, "no list without TLS");
    drop(bare);

    let certificates = bench.directory.path().display();
    let uri = format!("nbds://localhost:{}/machine?tls-certificates={certificates}", bound.port());
    let copy = bench.file("copy.raw");
    if client("nbdcopy", &[&uri, copy.to_str().unwrap()]).is_some() {
        assert!(same(&copy, &bench.file("image.raw")));
    }
    let stats = bench.runtime.block_on(server.shutdown()).unwrap();
    assert_eq!(stats.recent_faults, [crate::Fault::CutShort], "the bare client left early");
}
