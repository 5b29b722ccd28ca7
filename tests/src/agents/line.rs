//! A line between agents and the receiver that counts, and can be cut.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Between an agent and the receiver: passes bytes on, and cuts when so many have gone by.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) address: SocketAddr,
    passed: Arc<AtomicU64>,
}

impl Line {
    /// A line that is cut each time that `cut` more bytes have passed, so many times.
    pub(crate) fn new(to: SocketAddr, cut: u64, times: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let passed = Arc::new(AtomicU64::new(0));
        let counted = passed.clone();
        thread::spawn(move || {
            for from in listener.incoming() {
                let (Ok(from), Ok(to)) = (from, TcpStream::connect(to)) else { continue };
                let (back_to, back_from) = (from.try_clone(), to.try_clone());
                let (Ok(back_to), Ok(back_from)) = (back_to, back_from) else { continue };
                let counted = counted.clone();
                thread::spawn(move || {
                    pass(from, to, |more| {
                        let before = counted.fetch_add(more, Ordering::SeqCst);
                        before / cut == (before + more) / cut || before / cut >= times
                    })
                });
                thread::spawn(move || pass(back_from, back_to, |_| true));
            }
        });
        Self { address, passed }
    }

    /// Bytes that went from agents to the receiver.
    pub(crate) fn passed(&self) -> u64 {
        self.passed.load(Ordering::SeqCst)
    }
}

/// Passes bytes on for as long as it may; then both ends are cut off.
fn pass(mut from: TcpStream, mut to: TcpStream, may: impl Fn(u64) -> bool) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if !may(read as u64) || to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(std::net::Shutdown::Both);
    let _ = to.shutdown(std::net::Shutdown::Both);
}
