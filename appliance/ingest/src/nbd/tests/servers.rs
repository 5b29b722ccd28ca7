//! Reading from servers of others gives the bytes of the image.

use proptest::prelude::*;
use serde_json::Value;

use super::support::{Server, assert_same, disk_bytes, installed, pull, qemu_img, raw_image};
use crate::nbd::{NbdSource, Refusal, SourceError};
use crate::source::Source;

/// The `pattern` plugin of nbdkit: each eight bytes are their own place.
fn assert_pattern(offset: u64, bytes: &[u8]) {
    for (at, byte) in (offset..).zip(bytes) {
        assert_eq!(*byte, (at & !7).to_be_bytes()[(at & 7) as usize], "byte {at}");
    }
}

#[test]
fn a_raw_image_of_qemu_nbd() {
    if !installed("qemu-nbd") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = raw_image(folder.path());
    let arguments = ["-r", "-t", "-e", "8", "-f", "raw", image.to_str().unwrap()];
    let server = Server::start("qemu-nbd", &arguments);
    let (source, bytes) = (server.connect(), disk_bytes());
    assert_same(&pull(&source), &bytes);
    let ranges = (0..bytes.len(), 0..3usize << 20);
    proptest!(ProptestConfig::with_cases(50), |((start, length) in ranges)| {
        let part = start..bytes.len().min(start + length);
        let mut got = vec![1; part.len()];
        source.read(start as u64, &mut got).unwrap();
        assert_same(&got, &bytes[part]);
    });
    let past = source.read(bytes.len() as u64 - 1, &mut [0; 2]).unwrap_err();
    assert_eq!(past.kind(), std::io::ErrorKind::UnexpectedEof);
}

#[test]
fn data_of_qcow2_is_what_its_map_says() {
    if !installed("qemu-nbd") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let raw = raw_image(folder.path());
    let image = folder.path().join("disk.qcow2");
    let image = image.to_str().unwrap();
    qemu_img(&["convert", "-O", "qcow2", raw.to_str().unwrap(), image]);
    let map = qemu_img(&["map", "--output=json", "-f", "qcow2", image]);
    let map: Value = serde_json::from_slice(&map).unwrap();
    let server = Server::start("qemu-nbd", &["-r", "-t", "-e", "8", "-f", "qcow2", image]);
    let source = server.connect();
    let mut zeroes = 0;
    for extent in map.as_array().unwrap() {
        let start = extent["start"].as_u64().unwrap();
        let range = start..start + extent["length"].as_u64().unwrap();
        let told = source.data(range.clone()).unwrap();
        match extent["zero"].as_bool().unwrap() {
            false => assert_eq!(told, Some(range)),
            true if range.end - range.start >= 64 << 10 => {
                assert_eq!(told, None, "{range:?}");
                zeroes += 1;
            }
            true => {}
        }
    }
    assert!(zeroes > 2, "the image has holes");
    assert_same(&pull(&source), &disk_bytes());
}

#[test]
fn servers_old_and_new() {
    if !installed("nbdkit") {
        return;
    }
    for arguments in [
        &["pattern", "size=9M"][..],
        &["--no-sr", "pattern", "size=9M"],
        &["--mask-handshake=0", "pattern", "size=9M"],
        &["--mask-handshake=1", "pattern", "size=9M"],
        &["--filter=noextents", "pattern", "size=9M"],
    ] {
        let server = Server::start("nbdkit", arguments);
        let source = server.connect();
        assert_eq!(source.size(), 9 << 20);
        assert_pattern(0, &pull(&source));
        let mut bytes = [0; 1000];
        source.read(12345, &mut bytes).unwrap();
        assert_pattern(12345, &bytes);
    }
}

#[test]
fn over_tcp() {
    if !installed("nbdkit") {
        return;
    }
    let (_server, address) = Server::start_tcp("nbdkit", &["pattern", "size=5M"]);
    let source = NbdSource::connect(&address).unwrap();
    assert_pattern(0, &pull(&source));
    assert_eq!(source.name(), address.to_string());
}

#[test]
fn requests_keep_to_the_block_sizes_of_the_server() {
    if !installed("nbdkit") {
        return;
    }
    let policy = "blocksize-error-policy=error";
    let sizes = ["blocksize-minimum=4096", "blocksize-preferred=4096", "blocksize-maximum=65536"];
    let mut arguments = vec!["--filter=blocksize-policy", "pattern", "size=5M", policy];
    arguments.extend(sizes);
    let server = Server::start("nbdkit", &arguments);
    let source = server.connect();
    for (offset, length) in [(0, 5 << 20), (1, 1), (4095, 70_000), ((5 << 20) - 1, 1)] {
        let mut bytes = vec![0; length];
        source.read(offset, &mut bytes).unwrap();
        assert_pattern(offset, &bytes);
    }
}

#[test]
fn many_workers_at_once() {
    if !installed("nbdkit") {
        return;
    }
    // One that takes any number, and one that takes no second client.
    for arguments in
        [&["pattern", "size=64M"][..], &["--filter=limit", "pattern", "size=64M", "limit=1"]]
    {
        let server = Server::start("nbdkit", arguments);
        let source = server.connect();
        std::thread::scope(|scope| {
            for worker in 0..16_u64 {
                let source = &source;
                scope.spawn(move || {
                    let mut bytes = vec![0; 4 << 20];
                    source.read(worker << 22, &mut bytes).unwrap();
                    assert_pattern(worker << 22, &bytes);
                });
            }
        });
    }
}

#[test]
fn an_export_that_is_not_there() {
    if !installed("qemu-nbd") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = raw_image(folder.path());
    let arguments = ["-r", "-t", "-x", "disk", "-f", "raw", image.to_str().unwrap()];
    let server = Server::start("qemu-nbd", &arguments);
    let error = NbdSource::connect(&server.address("other")).unwrap_err();
    let unknown = matches!(&error, SourceError::Refused { refusal: Refusal::Unknown, .. });
    assert!(unknown, "{error}");
    let text = error.to_string();
    assert!(text.contains("refused export \"other\": it has no export of this name"), "{text}");
    assert!(NbdSource::connect(&server.address("disk")).is_ok());
}

#[test]
fn a_server_that_demands_tls() {
    if !installed("nbdkit") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    std::fs::write(&keys, format!("somebody:{}\n", "0f".repeat(32))).unwrap();
    let psk = format!("--tls-psk={}", keys.display());
    let server = Server::start("nbdkit", &["--tls=require", &psk, "null", "size=1M"]);
    let error = NbdSource::connect(&server.address("")).unwrap_err();
    assert!(matches!(error, SourceError::Refused { refusal: Refusal::Tls, .. }), "{error}");
}
