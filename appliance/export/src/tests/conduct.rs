//! What the server does with requests that are wrong, and with clients that do not play by the
//! rules.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::PointId;
use tokio::net::UnixSocket;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use super::MemoryImage;
use super::raw::RawClient;
use crate::{
    Base, BoxFuture, Disk, Export, Extent, Fault, Image, ImageError, Overlay, Server, ServerError,
};

const READ: u16 = 0;
const WRITE: u16 = 1;
const DISCONNECT: u16 = 2;
const FLUSH: u16 = 3;
const TRIM: u16 = 4;
const WRITE_ZEROES: u16 = 6;
const BLOCK_STATUS: u16 = 7;

const SIZE: usize = (1 << 20) + 100;
const BASE: Base = Base { point: PointId([1; 16]), volume: 0 };

struct Bench {
    runtime: Runtime,
    directory: tempfile::TempDir,
    server: Option<Server>,
}

impl Bench {
    /// A server with a read-only export `point` and a writable one `machine`.
    fn new() -> Self {
        let runtime = runtime();
        let directory = tempfile::tempdir().unwrap();
        let image: Arc<dyn Image> = Arc::new(MemoryImage::patterned(SIZE));
        let path = directory.path().join("machine.overlay");
        let overlay = runtime.block_on(Overlay::open(&path, BASE, image.clone())).unwrap();
        let exports = vec![
            Export { name: "point".into(), disk: Disk::ReadOnly(image), read_only: true },
            Export {
                name: "machine".into(),
                disk: Disk::Writable(Arc::new(overlay)),
                read_only: false,
            },
        ];
        Self::serving(runtime, directory, exports)
    }

    fn serving(runtime: Runtime, directory: tempfile::TempDir, exports: Vec<Export>) -> Self {
        let server = Server::new(exports).unwrap();
        runtime.block_on(server.serve_unix(&directory.path().join("nbd"))).unwrap();
        Self { runtime, directory, server: Some(server) }
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("nbd")
    }

    fn connect(&self, export: &str, structured: bool) -> RawClient {
        let mut client = RawClient::unix(&self.socket());
        client.go(export, structured);
        client
    }

    /// What an overlay holds at `offset` that is opened from the file as it is now.
    fn found_in_overlay(&self, offset: u64) -> [u8; 3] {
        let copy = self.directory.path().join("copy.overlay");
        std::fs::copy(self.directory.path().join("machine.overlay"), &copy).unwrap();
        let image = Arc::new(MemoryImage::patterned(SIZE));
        let mut bytes = [0; 3];
        self.runtime.block_on(async {
            let overlay = Overlay::open(&copy, BASE, image).await.unwrap();
            overlay.read(offset, &mut bytes).await.unwrap();
        });
        bytes
    }

    /// Ends the server, which waits for all connections, and returns why they ended.
    fn faults(mut self) -> Vec<Fault> {
        let server = self.server.take().unwrap();
        self.runtime.block_on(server.shutdown()).unwrap().recent_faults
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn errors_have_the_protocols_numbers() {
    let bench = Bench::new();
    let end = SIZE as u64;
    let cases: &[(&str, u16, u16, u64, u32, u32)] = &[
        ("machine", 0, READ, end, 1, 22),
        ("machine", 0, READ, u64::MAX, 10, 22),
        ("machine", 0, WRITE, end - 5, 6, 28),
        ("machine", 0, WRITE_ZEROES, end, 1, 28),
        ("machine", 0, TRIM, end, 1, 22),
        ("machine", 1 << 9, READ, 0, 1, 22),
        ("machine", 1 << 1, READ, 0, 1, 22),
        ("machine", 0, 99, 0, 1, 22),
        ("machine", 0, BLOCK_STATUS, 0, 1, 22),
        ("machine", 1 << 1 | 1 << 4, WRITE_ZEROES, 0, 4096, 95),
        ("point", 0, WRITE, 0, 6, 1),
        ("point", 0, WRITE_ZEROES, 0, 6, 1),
        ("point", 0, TRIM, 0, 6, 1),
        ("point", 0, FLUSH, 0, 0, 0),
        ("machine", 1, TRIM, 0, 0, 0),
    ];
    for (export, flags, kind, offset, length, error) in cases.iter().copied() {
        for structured in [false, true] {
            let mut client = bench.connect(export, structured);
            client.request(flags, kind, 7, offset, length);
            if kind == WRITE {
                client.send(&vec![1; length as usize]);
            }
            let reply = client.reply(0);
            let case = (export, kind, offset, length);
            assert_eq!((reply.error, reply.cookie), (error, 7), "{case:?}");
            assert_eq!(reply.chunk.is_some(), structured);
            client.request(0, READ, 8, 0, 1);
            assert_eq!(client.reply(1).error, 0, "the connection goes on");
        }
    }
    assert_eq!(bench.faults(), []);
}

#[test]
fn reads_come_whole_simple_or_in_chunks() {
    let bench = Bench::new();
    let expected = MemoryImage::patterned(SIZE).0;
    let mut client = bench.connect("point", false);
    client.request(0, READ, 1, 3, SIZE as u32 - 3);
    assert!(client.reply(SIZE - 3).payload == expected[3..]);

    let mut client = bench.connect("point", true);
    client.request(0, READ, 2, 3, SIZE as u32 - 3);
    let mut content = vec![0xaa; SIZE];
    loop {
        let reply = client.reply(0);
        let at = u64::from_be_bytes(reply.payload[..8].try_into().unwrap()) as usize;
        match reply.chunk {
            Some(1) => {
                content[at..at + reply.payload.len() - 8].copy_from_slice(&reply.payload[8..])
            }
            Some(2) => {
                let length = u32::from_be_bytes(reply.payload[8..12].try_into().unwrap());
                content[at..at + length as usize].fill(0);
            }
            other => panic!("chunk type {other:?}"),
        }
        if reply.last {
            break;
        }
    }
    assert!(content[3..] == expected[3..]);

    client.request(1 << 2, READ, 3, 0, SIZE as u32);
    let reply = client.reply(0);
    assert!(reply.last && reply.chunk == Some(1), "one chunk when asked for");
    assert!(reply.payload[8..] == expected);
    assert_eq!(bench.faults(), []);
}

#[test]
fn what_one_connection_wrote_all_read() {
    let bench = Bench::new();
    let mut clients: Vec<_> = (0..4).map(|_| bench.connect("machine", true)).collect();
    for number in 0..4u8 {
        let writer = &mut clients[number as usize];
        writer.request(1, WRITE, 1, 100 + u64::from(number), 1);
        writer.send(&[number + 1]);
        assert_eq!(writer.reply(0).error, 0);
        for reader in &mut clients {
            reader.request(0, READ, 2, 100, 4);
            assert_eq!(reader.reply(0).payload[8 + number as usize], number + 1);
        }
    }
    assert_eq!(bench.faults(), []);
}

#[test]
fn what_was_written_durably_or_flushed_is_in_the_file_when_that_is_answered() {
    const DURABLE: u16 = 1;
    let bench = Bench::new();
    let mut client = bench.connect("machine", true);
    let mut write = |flags, offset| {
        client.request(flags, WRITE, 1, offset, 3);
        client.send(b"new");
        assert_eq!(client.reply(0).error, 0);
    };
    write(DURABLE, 5000);
    assert_eq!(bench.found_in_overlay(5000), *b"new");
    write(0, 50_000);
    assert_ne!(bench.found_in_overlay(50_000), *b"new");
    client.request(0, FLUSH, 2, 0, 0);
    assert_eq!(client.reply(0).error, 0);
    assert_eq!(bench.found_in_overlay(50_000), *b"new");
}

#[test]
fn clients_that_break_the_protocol_are_cut_off_and_others_are_not() {
    let bench = Bench::new();
    let mut good = bench.connect("machine", false);

    let mut client = RawClient::unix(&bench.socket());
    client.send(&[0xff; 4]);
    assert!(client.is_closed(), "unknown flags");

    let mut client = RawClient::unix(&bench.socket());
    client.send(&[0, 0, 0, 3]);
    client.send(&[0; 16]);
    assert!(client.is_closed(), "an option without magic");

    let mut client = RawClient::unix(&bench.socket());
    client.send(&[0, 0, 0, 3]);
    client.send(b"IHAVEOPT\0\0\0\x03\xff\xff\xff\xff");
    assert!(client.is_closed(), "an endless option");

    let mut client = RawClient::unix(&bench.socket());
    client.send(&[0, 0, 0, 3]);
    client.send(b"IHAVEOPT\0\0\0\x01\0\0\0\x04none");
    assert!(client.is_closed(), "no such export");

    let mut client = bench.connect("machine", false);
    client.send(&[0; 28]);
    assert!(client.is_closed(), "a request without magic");

    let mut client = bench.connect("machine", false);
    client.request(0, WRITE, 1, 0, u32::MAX);
    assert!(client.is_closed(), "a payload too long");

    let mut client = bench.connect("machine", false);
    client.request(0, WRITE, 1, 0, 100);
    client.send(&[1; 50]);
    drop(client);

    good.request(0, READ, 9, 0, 10);
    assert_eq!(good.reply(10).error, 0, "the server goes on");
    drop(good);
    let mut faults = bench.faults();
    faults.sort_by_key(|fault| fault.to_string());
    let mut expected = vec![
        Fault::NotNbd,
        Fault::NotNbd,
        Fault::OptionTooLong { length: u32::MAX },
        Fault::NoSuchExport,
        Fault::BadRequest,
        Fault::PayloadTooLong { length: u32::MAX },
        Fault::CutShort,
    ];
    expected.sort_by_key(|fault| fault.to_string());
    assert_eq!(faults, expected);
}

#[test]
fn a_connection_too_many_is_turned_away() {
    let bench = Bench::new();
    let mut clients: Vec<_> = (0..64).map(|_| bench.connect("point", false)).collect();
    let mut late = std::os::unix::net::UnixStream::connect(bench.socket()).unwrap();
    let mut nothing = Vec::new();
    // The end of the stream, or a reset: either way no greeting.
    let _ = std::io::Read::read_to_end(&mut late, &mut nothing);
    assert_eq!(nothing, []);
    let mut one = clients.pop().unwrap();
    one.request(0, DISCONNECT, 0, 0, 0);
    assert!(one.is_closed());
    let stats = bench.server.as_ref().unwrap().stats();
    assert_eq!((stats.connections, stats.connections_refused), (64, 1));
}

/// An image of zeroes that answers a read when it is let.
#[derive(Debug)]
struct SlowImage {
    started: Arc<Semaphore>,
    permits: Arc<Semaphore>,
}

impl Image for SlowImage {
    fn size(&self) -> u64 {
        1 << 30
    }

    fn read<'a>(
        &'a self,
        offset: u64,
        buffer: &'a mut [u8],
    ) -> BoxFuture<'a, Result<(), ImageError>> {
        self.started.add_permits(1);
        Box::pin(async move {
            if offset > 0 {
                self.permits.acquire().await.map_err(|e| ImageError::new(offset, e))?.forget();
            }
            buffer.fill(0);
            Ok(())
        })
    }

    fn extents(&self, _: u64, length: u64) -> BoxFuture<'_, Result<Vec<Extent>, ImageError>> {
        let extent = Extent { length, content: crate::Content::Data };
        Box::pin(std::future::ready(Ok(vec![extent])))
    }
}

fn slow_bench() -> (Bench, Arc<Semaphore>, Arc<Semaphore>) {
    let (started, permits) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let image = SlowImage { started: started.clone(), permits: permits.clone() };
    let disk = Disk::ReadOnly(Arc::new(image));
    let export = Export { name: "slow".into(), disk, read_only: true };
    (Bench::serving(runtime(), tempfile::tempdir().unwrap(), vec![export]), started, permits)
}

#[test]
fn a_request_that_waits_holds_up_no_other() {
    let (bench, _, permits) = slow_bench();
    let mut client = bench.connect("slow", true);
    client.request(0, READ, 1, 4096, 4096);
    client.request(0, READ, 2, 0, 4096);
    assert_eq!(client.reply(0).cookie, 2);
    permits.add_permits(1);
    assert_eq!(client.reply(0).cookie, 1);
}

#[test]
fn requests_beyond_the_bound_wait_for_replies() {
    let (bench, started, permits) = slow_bench();
    let mut client = bench.connect("slow", true);
    for cookie in 0..200 {
        client.request(0, READ, cookie, 4096, 512);
    }
    let wait = async { started.acquire_many(64).await.unwrap().forget() };
    bench.runtime.block_on(wait);
    let seen = started.available_permits();
    assert_eq!(seen, 0, "64 are under way and no more");
    permits.add_permits(200);
    for _ in 0..200 {
        assert_eq!(client.reply(0).error, 0);
    }
}

#[test]
fn memory_is_shared_by_all_requests_of_an_export() {
    let (bench, started, permits) = slow_bench();
    let mut greedy = bench.connect("slow", true);
    for cookie in 0..3 {
        greedy.request(0, READ, cookie, 4096, 32 << 20);
    }
    bench.runtime.block_on(async { started.acquire_many(2).await.unwrap().forget() });
    let mut other = bench.connect("slow", true);
    other.request(0, READ, 9, 4096, 4096);
    permits.add_permits(4);
    for _ in 0..3 {
        assert_eq!(greedy.reply(0).payload.len(), 8 + (32 << 20));
    }
    assert_eq!(other.reply(0).cookie, 9);
}

#[test]
fn shutdown_finishes_what_is_under_way() {
    let (mut bench, started, permits) = slow_bench();
    let mut client = bench.connect("slow", true);
    client.request(0, READ, 5, 4096, 4096);
    bench.runtime.block_on(async { started.acquire().await.unwrap().forget() });
    let server = bench.server.take().unwrap();
    let end = bench.runtime.spawn(server.shutdown());
    permits.add_permits(1);
    assert_eq!(client.reply(0).cookie, 5);
    assert!(client.is_closed());
    assert_eq!(bench.runtime.block_on(end).unwrap().unwrap().faults, 0);
    assert!(!bench.socket().exists());
}

#[test]
fn a_socket_is_private_and_only_a_dead_one_is_replaced() {
    let bench = Bench::new();
    let mode = std::fs::metadata(bench.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let image = Arc::new(MemoryImage::patterned(SIZE));
    let export = Export { name: String::new(), disk: Disk::ReadOnly(image), read_only: true };
    let second = Server::new(vec![export]).unwrap();
    let serve = |path: &Path| bench.runtime.block_on(second.serve_unix(path));
    assert!(matches!(serve(&bench.socket()), Err(ServerError::InUse { .. })));

    let dead = bench.directory.path().join("dead");
    // Bound and never listened on: nobody can answer there.
    UnixSocket::new_stream().unwrap().bind(&dead).unwrap();
    serve(&dead).unwrap();

    let letter = bench.directory.path().join("letter");
    std::fs::write(&letter, "dear reader").unwrap();
    assert!(matches!(serve(&letter), Err(ServerError::ListenUnix { .. })));
    assert!(letter.exists());
}

#[test]
fn names_are_checked() {
    let export = |name: &str| Export {
        name: name.to_owned(),
        disk: Disk::ReadOnly(Arc::new(MemoryImage(vec![0; 10]))),
        read_only: true,
    };
    let twice = Server::new(vec![export("a"), export("a")]);
    assert!(matches!(twice, Err(ServerError::DuplicateName { name }) if name == "a"));
    let long = Server::new(vec![export(&"x".repeat(5000))]);
    assert!(matches!(long, Err(ServerError::IllegalName { length: 5000 })));
}
