//! What an NBD server sends to us as its client, and the addresses that lead there.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex};

use disk::sim::SimRng;
use ingest::{NbdAddress, NbdSource, Source};
use tempfile::TempDir;

use crate::make::bytes;
use crate::mutate::{in_place, mutate, number, random};
use crate::target::Reader;

const OPTION_REPLY_MAGIC: u64 = 0x0003_e889_0455_65a9;
const SIMPLE_MAGIC: u32 = 0x6744_6698;
const STRUCTURED_MAGIC: u32 = 0x668e_33ef;

const STRUCTURED_REPLY: u32 = 8;
const SET_META_CONTEXT: u32 = 10;
const GO: u32 = 7;

const ACK: u32 = 1;
const INFO: u32 = 3;
const META_CONTEXT: u32 = 4;

/// The status of ranges that is asked for when it is a bitmap's.
const DIRTY: &[u8] = b"qemu:dirty-bitmap:b";

/// What is read from each server.
const READ_BYTES: usize = 8192;

/// Input: all that the server sends, whatever it hears.
pub(crate) struct Servers {
    address: NbdAddress,
    script: Arc<Mutex<Vec<u8>>>,
    _folder: TempDir,
}

impl Servers {
    /// A server on a socket of its own. Its thread ends with the process.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("temporary files");
        let path = folder.path().join("nbd");
        let listener = UnixListener::bind(&path).expect("a short path");
        let script = Arc::new(Mutex::new(Vec::new()));
        let said = script.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let script: Vec<u8> = said.lock().expect("nobody panics here").clone();
                // A client that has heard enough hangs up, as it may.
                let _ = stream.write_all(&script);
                let _ = stream.shutdown(Shutdown::Write);
                let _ = stream.read_to_end(&mut Vec::new());
            }
        });
        let address = NbdAddress::unix(&path, "disk").expect("a short path");
        Self { address, script, _folder: folder }
    }
}

impl Reader for Servers {
    fn input(&mut self, rng: &mut SimRng) -> Vec<u8> {
        let mut script = b"NBDMAGICIHAVEOPT\0\x03".to_vec();
        handshake(rng, &mut script);
        let transmission = script.len();
        // Cookies count from one.
        for cookie in 1..4 {
            answer(rng, cookie, &mut script);
        }
        match rng.below(4) {
            0 => mutate(rng, &mut script),
            1 => in_place(rng, &mut script[..transmission]),
            2 => in_place(rng, &mut script[transmission..]),
            _ => {}
        }
        script
    }

    fn read(&mut self, input: &[u8]) {
        *self.script.lock().expect("nobody panics here") = input.to_vec();
        if input.windows(DIRTY.len()).any(|part| part == DIRTY) {
            return self.read_bitmap();
        }
        let Ok(source) = NbdSource::connect(&self.address) else { return };
        let size = source.size();
        let end = size.min(READ_BYTES as u64);
        if let Ok(Some(data)) = source.data(0..end) {
            assert!(data.start < data.end && data.end <= end, "{data:?} of {end}");
        }
        let mut buffer = vec![0xee; end as usize];
        let _ = source.read(0, &mut buffer);
        let _ = source.read(size - end, &mut buffer);
        assert!(source.read(size, &mut [0]).is_err(), "nothing is behind the end");
    }
}

impl Servers {
    /// Asks what a bitmap says.
    fn read_bitmap(&self) {
        let Ok(dirty) = ingest::dirty(&self.address, "b") else { return };
        let (mut end, mut bytes) = (0, 0);
        for range in dirty.into_ranges() {
            assert!(end <= range.start && range.start < range.end, "{range:?} after {end}");
            bytes += range.end - range.start;
            end = range.end;
        }
        assert!(bytes <= end);
    }
}

fn handshake(rng: &mut SimRng, to: &mut Vec<u8>) {
    reply(to, STRUCTURED_REPLY, ACK, &[]);
    let context: &[u8] = if rng.below(4) == 0 { DIRTY } else { b"base:allocation" };
    let context = [&9_u32.to_be_bytes()[..], context].concat();
    reply(to, SET_META_CONTEXT, META_CONTEXT, &context);
    reply(to, SET_META_CONTEXT, ACK, &[]);
    let size = match rng.below(3) {
        0 => number(rng, 1 << 20, 1 << 20),
        _ => READ_BYTES as u64,
    };
    reply(to, GO, INFO, &[&[0, 0][..], &size.to_be_bytes(), &[0, 1]].concat());
    if rng.below(2) == 0 {
        let [min, best] = [0; 2].map(|_: u8| 1_u32 << rng.below(18));
        let max = number(rng, 1 << 20, 1 << 25) as u32;
        let sizes = [min, best, max].map(u32::to_be_bytes).concat();
        reply(to, GO, INFO, &[&[0, 3][..], &sizes].concat());
    }
    reply(to, GO, ACK, &[]);
}

fn reply(to: &mut Vec<u8>, option: u32, kind: u32, payload: &[u8]) {
    to.extend(OPTION_REPLY_MAGIC.to_be_bytes());
    to.extend(option.to_be_bytes());
    to.extend(kind.to_be_bytes());
    to.extend((payload.len() as u32).to_be_bytes());
    to.extend(payload);
}

/// Replies that fit a question for the status, a read, or neither.
fn answer(rng: &mut SimRng, cookie: u64, to: &mut Vec<u8>) {
    let length = [512, 4096, READ_BYTES][rng.below(3) as usize];
    match rng.below(5) {
        0 | 1 if cookie == 1 => {
            let extents = (0..1 + rng.below(5)).flat_map(|_| {
                let length = number(rng, 4096, READ_BYTES as u64) as u32;
                [length.to_be_bytes(), (rng.below(4) as u32).to_be_bytes()].concat()
            });
            let payload = [9_u32.to_be_bytes().to_vec(), extents.collect()].concat();
            chunk(to, 1, 5, cookie, &payload);
        }
        0..=2 => {
            let half = length / 2;
            let first = [&0_u64.to_be_bytes()[..], &bytes(rng, half)].concat();
            chunk(to, 0, 1, cookie, &first);
            let hole = [&(half as u64).to_be_bytes()[..], &(half as u32).to_be_bytes()].concat();
            chunk(to, 1, 2, cookie, &hole);
        }
        3 => {
            to.extend(SIMPLE_MAGIC.to_be_bytes());
            to.extend((rng.below(2) as u32 * 5).to_be_bytes());
            to.extend(cookie.to_be_bytes());
            to.extend(bytes(rng, length));
        }
        _ => {
            let text = random(rng, 40);
            let error = [&5_u32.to_be_bytes()[..], &(text.len() as u16).to_be_bytes(), &text];
            chunk(to, 1, 0x8001, cookie, &error.concat());
        }
    }
}

fn chunk(to: &mut Vec<u8>, flags: u16, kind: u16, cookie: u64, payload: &[u8]) {
    to.extend(STRUCTURED_MAGIC.to_be_bytes());
    to.extend(flags.to_be_bytes());
    to.extend(kind.to_be_bytes());
    to.extend(cookie.to_be_bytes());
    to.extend((payload.len() as u32).to_be_bytes());
    to.extend(payload);
}

/// Input: the text of an address; what is no text is made one.
pub(crate) struct Addresses;

impl Reader for Addresses {
    fn input(&mut self, rng: &mut SimRng) -> Vec<u8> {
        let texts: [&[u8]; 5] = [
            b"nbd://host:10809/name%20of%2Fit",
            b"nbd://[2001:db8::1]:7/",
            b"nbd+unix:///disk?socket=/run/a%3Ab.sock",
            b"nbd:unix:/run/nbd.sock:exportname=disk",
            b"nbds://host/name",
        ];
        let mut text = texts[rng.below(5) as usize].to_vec();
        mutate(rng, &mut text);
        text
    }

    fn read(&mut self, input: &[u8]) {
        let text = String::from_utf8_lossy(input);
        let claimed = NbdAddress::claims(&text);
        let Ok(address) = text.parse::<NbdAddress>() else { return };
        assert!(claimed, "what parses is claimed");
        assert_eq!(address.to_string().parse().ok(), Some(address), "shown and read again");
    }
}
