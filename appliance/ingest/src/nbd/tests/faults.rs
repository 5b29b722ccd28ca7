//! What servers do when they, their disks or their networks fail.

use std::io::{self, Write};
use std::os::unix::net::UnixListener;

use super::support::{Server, assert_same, installed, pull};
use crate::nbd::{NbdAddress, NbdSource, SourceError, Violation};
use crate::source::Source;

const PATTERN: &[&str] = &["pattern", "size=5M"];

fn cause(error: &io::Error) -> &SourceError {
    error.get_ref().and_then(|error| error.downcast_ref()).unwrap()
}

#[test]
fn a_server_that_was_started_anew_is_read_on() {
    if !installed("nbdkit") {
        return;
    }
    let mut server = Server::start("nbdkit", PATTERN);
    let source = server.connect();
    let before = pull(&source);
    server.stop();
    server.start_again("nbdkit", PATTERN);
    assert_same(&pull(&source), &before);
}

#[test]
fn a_server_that_came_back_with_another_disk_is_not_read() {
    if !installed("nbdkit") {
        return;
    }
    let mut server = Server::start("nbdkit", PATTERN);
    let source = server.connect();
    server.stop();
    server.start_again("nbdkit", &["pattern", "size=6M"]);
    let error = source.read(0, &mut [0; 8]).unwrap_err();
    let resized = matches!(
        cause(&error),
        SourceError::Resized { was, is, .. } if (*was, *is) == (5 << 20, 6 << 20)
    );
    assert!(resized, "{error}");
}

#[test]
fn a_server_that_is_gone_fails_each_read_until_it_is_back() {
    if !installed("nbdkit") {
        return;
    }
    let mut server = Server::start("nbdkit", PATTERN);
    let source = server.connect();
    server.stop();
    for _ in 0..2 {
        let error = source.read(0, &mut [0; 8]).unwrap_err();
        assert!(matches!(cause(&error), SourceError::Connect { .. }), "{error}");
    }
    server.start_again("nbdkit", PATTERN);
    source.read(0, &mut [0; 8]).unwrap();
}

#[test]
fn a_disk_with_a_bad_spot_is_an_error_of_the_read() {
    if !installed("nbdkit") {
        return;
    }
    let faults = ["--filter=error", "pattern", "size=5M", "error=EIO", "error-pread-rate=100%"];
    let server = Server::start("nbdkit", &faults);
    let source = server.connect();
    let error = source.read(0, &mut [0; 4096]).unwrap_err();
    assert!(matches!(cause(&error), SourceError::Unreadable { errno: 5, .. }), "{error}");
}

#[test]
fn a_server_that_cannot_tell_the_status_is_read_in_whole() {
    if !installed("nbdkit") {
        return;
    }
    let faults = ["--filter=error", "memory", "size=5M", "error=EIO", "error-extents-rate=100%"];
    let server = Server::start("nbdkit", &faults);
    let source = server.connect();
    assert_eq!(source.data(4096..8192).unwrap(), Some(4096..8192));
    assert_same(&pull(&source), &vec![0; 5 << 20]);
}

#[test]
fn nobody_there() {
    let folder = tempfile::tempdir().unwrap();
    let address = NbdAddress::unix(&folder.path().join("none"), "").unwrap();
    let error = NbdSource::connect(&address).unwrap_err();
    assert!(matches!(error, SourceError::Connect { .. }), "{error}");
}

#[test]
fn something_else_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other");
    let listener = UnixListener::bind(&path).unwrap();
    let other = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"220 mail.example ESMTP ready\r\n").unwrap();
    });
    let error = NbdSource::connect(&NbdAddress::unix(&path, "").unwrap()).unwrap_err();
    let violation = Violation::NotNbd;
    assert!(matches!(&error, SourceError::Protocol { violation: v, .. } if *v == violation));
    other.join().unwrap();
}
