//! Disks that only take, and how clients of them leave.

use std::sync::Arc;

use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::raw::RawClient;
use crate::{Base, Blank, Disk, Ends, Export, Image, Overlay, Server};

const READ: u16 = 0;
const WRITE: u16 = 1;
const DISCONNECT: u16 = 2;
const FLUSH: u16 = 3;
const CACHE: u16 = 5;
const BLOCK_STATUS: u16 = 7;
const SIZE: u64 = (1 << 20) + 100;

struct Taking {
    runtime: Runtime,
    folder: tempfile::TempDir,
    overlay: Arc<Overlay>,
    server: Server,
    ends: watch::Receiver<Ends>,
}

impl Taking {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("overlay");
        let opened = Overlay::open(&path, Base::BLANK, Arc::new(Blank(SIZE)));
        let overlay = Arc::new(runtime.block_on(opened).unwrap());
        let disk = Disk::WriteOnly(overlay.clone());
        let export = Export { name: String::new(), disk, read_only: false };
        let server = Server::new(vec![export]).unwrap();
        runtime.block_on(server.serve_unix(&folder.path().join("nbd"))).unwrap();
        let ends = server.ends();
        Self { runtime, folder, overlay, server, ends }
    }

    fn connect(&self) -> RawClient {
        let mut client = RawClient::unix(&self.folder.path().join("nbd"));
        client.go("", true);
        client
    }

    /// Waits for these ends.
    fn ended(&mut self, open: u64, left: u64, lost: u64, refused: u64) {
        let wanted = Ends { open, left, lost, refused };
        let seen = self.ends.wait_for(|ends| *ends == wanted);
        let patience = std::time::Duration::from_secs(20);
        let waited = async { tokio::time::timeout(patience, seen).await.is_ok() };
        assert!(self.runtime.block_on(waited), "{wanted:?}");
    }
}

#[test]
fn what_was_written_is_kept_and_given_to_nobody() {
    let mut taking = Taking::new();
    let mut client = taking.connect();
    client.request(0, WRITE, 1, 8192, 5);
    client.send(b"hello");
    assert_eq!(client.reply(0).error, 0);
    for kind in [READ, CACHE] {
        client.request(0, kind, 2, 8192, 5);
        assert_eq!(client.reply(0).error, 1, "not permitted");
    }
    // It was not even offered.
    client.request(0, BLOCK_STATUS, 2, 8192, 5);
    assert_eq!(client.reply(0).error, 22);
    client.request(0, FLUSH, 3, 0, 0);
    assert_eq!(client.reply(0).error, 0);
    client.request(0, DISCONNECT, 4, 0, 0);
    taking.ended(0, 1, 0, 0);
    let mut bytes = [0; 7];
    taking.runtime.block_on(taking.overlay.read(8191, &mut bytes)).unwrap();
    assert_eq!(&bytes, b"\0hello\0");
    assert_eq!(taking.overlay.held(), vec![8192..12288]);
    taking.runtime.block_on(taking.server.shutdown()).unwrap();
}

#[test]
fn whoever_goes_without_a_word_has_not_left() {
    let mut taking = Taking::new();
    let (silent, mut polite) = (taking.connect(), taking.connect());
    taking.ended(2, 0, 0, 0);
    drop(silent);
    taking.ended(1, 0, 1, 0);
    polite.request(0, DISCONNECT, 4, 0, 0);
    taking.ended(0, 1, 1, 0);
    let mut cut = taking.connect();
    cut.request(0, WRITE, 1, 0, 100);
    cut.send(b"only a part");
    drop(cut);
    taking.ended(0, 1, 2, 0);
    // Who never came to a request does not count.
    drop(RawClient::unix(&taking.folder.path().join("nbd")));
    let mut last = taking.connect();
    last.request(0, DISCONNECT, 4, 0, 0);
    taking.ended(0, 2, 2, 0);
}

#[test]
fn a_write_that_failed_is_told_also_of_a_client_that_left() {
    let mut taking = Taking::new();
    let mut client = taking.connect();
    client.request(0, WRITE, 1, SIZE - 2, 5);
    client.send(b"hello");
    assert_eq!(client.reply(0).error, 28);
    client.request(0, DISCONNECT, 4, 0, 0);
    taking.ended(0, 1, 0, 1);
}

#[test]
fn a_blank_disk_is_zero_and_all_hole() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (blank, mut bytes) = (Blank(SIZE), [7; 9]);
    runtime.block_on(blank.read(SIZE - 9, &mut bytes)).unwrap();
    assert_eq!(bytes, [0; 9]);
    let extents = runtime.block_on(blank.extents(0, SIZE)).unwrap();
    assert!(extents.iter().all(|extent| extent.content == crate::Content::Hole));
    assert_eq!(extents.iter().map(|extent| extent.length).sum::<u64>(), SIZE);
}
