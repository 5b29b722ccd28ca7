//! The writer against a server of the test's own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::intakes::{Body, Fault};
use crate::nbd::Writer;

/// Greets a client as an NBD server does.
async fn greet(stream: &mut UnixStream) {
    stream.write_all(b"NBDMAGICIHAVEOPT\x00\x03").await.unwrap();
    let mut hello = [0; 26];
    stream.read_exact(&mut hello).await.unwrap();
    assert_eq!(hello, *b"\0\0\0\x03IHAVEOPT\0\0\0\x07\0\0\0\x06\0\0\0\0\0\0");
    for (kind, data) in [(3_u32, &[0_u8; 12][..]), (1, &[])] {
        stream.write_u64(0x0003_e889_0455_65a9).await.unwrap();
        stream.write_u32(7).await.unwrap();
        stream.write_u32(kind).await.unwrap();
        stream.write_u32(data.len() as u32).await.unwrap();
        stream.write_all(data).await.unwrap();
    }
}

/// Takes one request and answers it with an error code; its kind, offset and data.
async fn take(stream: &mut UnixStream, error: u32) -> (u16, u64, Vec<u8>) {
    assert_eq!(stream.read_u32().await.unwrap(), 0x2560_9513);
    assert_eq!(stream.read_u16().await.unwrap(), 0);
    let kind = stream.read_u16().await.unwrap();
    let handle = stream.read_u64().await.unwrap();
    let offset = stream.read_u64().await.unwrap();
    let length = stream.read_u32().await.unwrap();
    let mut data = vec![0; if kind == 1 { length as usize } else { 0 }];
    stream.read_exact(&mut data).await.unwrap();
    stream.write_u32(0x6744_6698).await.unwrap();
    stream.write_u32(error).await.unwrap();
    stream.write_u64(handle).await.unwrap();
    (kind, offset, data)
}

fn listen() -> (tempfile::TempDir, PathBuf, UnixListener) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    (folder, path, listener)
}

fn body(bytes: &[u8]) -> Body {
    Body::new(bytes.to_vec(), [])
}

#[tokio::test]
async fn room_for_a_body_is_taken_for_as_long_as_the_engine_has_not_written_it() {
    let (_folder, path, listener) = listen();
    let writer = Writer::new(path);
    let rooms = Arc::new(Semaphore::new(2));
    for _ in 0..2 {
        let room = rooms.clone().acquire_owned().await.unwrap();
        let written = writer.write(0, Body::new(vec![1; 4096], [room]));
        // The engine hangs, and who waited for it has gone.
        assert!(timeout(Duration::from_millis(50), written).await.is_err());
    }
    assert_eq!(rooms.available_permits(), 0, "both bodies are in memory still");
    let (mut stream, _) = listener.accept().await.unwrap();
    greet(&mut stream).await;
    assert_eq!(take(&mut stream, 0).await.2.len(), 4096);
    drop((stream, listener));
    // The second fails, and is no longer in memory.
    let _both = timeout(Duration::from_secs(60), rooms.acquire_many(2)).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_is_written_arrives_in_order_and_a_refusal_is_no_end() {
    let (_folder, path, listener) = listen();
    let writer = Writer::new(path);
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        greet(&mut stream).await;
        assert_eq!(take(&mut stream, 0).await, (1, 4096, b"bytes".to_vec()));
        assert_eq!(take(&mut stream, 28).await, (6, 8192, Vec::new()));
        assert_eq!(take(&mut stream, 0).await.0, 3);
    });
    let session = writer.write(4096, body(b"bytes")).await.unwrap();
    let full = writer.zero(8192, 4096).await.unwrap_err();
    assert!(matches!(&full, Fault::Refused { what, .. } if what.contains("room")), "{full}");
    assert_eq!(writer.flush().await.unwrap(), session);
    server.await.unwrap();
}

#[tokio::test]
async fn after_a_cut_the_session_is_another() {
    let (_folder, path, listener) = listen();
    let writer = Writer::new(path);
    let server = tokio::spawn(async move {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            greet(&mut stream).await;
            take(&mut stream, 0).await;
        }
        listener.accept().await.unwrap().0.write_all(b"garbage!garbage!xx").await.unwrap();
    });
    let first = writer.write(0, body(&[1])).await.unwrap();
    // The server has closed the connection: one call notices, the next makes a new one.
    let session = loop {
        if let Ok(session) = writer.flush().await {
            break session;
        }
    };
    assert_ne!(first, session);
    while !matches!(writer.flush().await, Err(Fault::Unavailable { what }) if what.contains("NBD"))
    {
    }
    server.await.unwrap();
}
