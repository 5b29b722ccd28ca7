//! The client against scripts of bytes: what it takes, and what it must not take.

use std::io::{self, Cursor, Read, Write};
use std::ops::Range;

use proptest::prelude::*;

use crate::nbd::fault::Fault;
use crate::nbd::negotiate::{Export, negotiate};
use crate::nbd::transfer::Transfer;
use crate::nbd::wire::{BlockSizes, Context, Violation};

/// Never in what a script sends: a byte of the buffer that was not written.
const UNWRITTEN: u8 = 0xee;

/// A server that says its lines whatever it hears.
struct Script(Cursor<Vec<u8>>);

impl Read for Script {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Script {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn read(script: Vec<u8>, offset: u64, length: usize, max: u32) -> Result<Vec<u8>, Fault> {
    let block_sizes = BlockSizes { min: 1, max };
    let export = Export {
        size: 1 << 30,
        block_sizes,
        structured: true,
        status: Some((Context::Allocation, 0)),
    };
    let mut buffer = vec![UNWRITTEN; length];
    let mut stream = Script(Cursor::new(script));
    let mut transfer = Transfer { stream: &mut stream, export: &export, cookie: &mut 0 };
    transfer.read(offset, &mut buffer)?;
    Ok(buffer)
}

fn status(script: Vec<u8>, range: Range<u64>) -> Result<u64, Fault> {
    let block_sizes = BlockSizes { min: 1, max: 4096 };
    let export = Export {
        size: 1 << 30,
        block_sizes,
        structured: true,
        status: Some((Context::Allocation, 0)),
    };
    let mut stream = Script(Cursor::new(script));
    let mut transfer = Transfer { stream: &mut stream, export: &export, cookie: &mut 0 };
    transfer.status(&(Context::Allocation, 0), range, export.size).map(|extents| extents.end())
}

fn chunk(done: bool, kind: u16, cookie: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = 0x668e_33ef_u32.to_be_bytes().to_vec();
    bytes.extend(u16::from(done).to_be_bytes());
    bytes.extend(kind.to_be_bytes());
    bytes.extend(cookie.to_be_bytes());
    bytes.extend((payload.len() as u32).to_be_bytes());
    bytes.extend(payload);
    bytes
}

fn data(cookie: u64, at: u64, bytes: &[u8]) -> Vec<u8> {
    chunk(false, 1, cookie, &[&at.to_be_bytes(), bytes].concat())
}

fn hole(cookie: u64, at: u64, length: u32) -> Vec<u8> {
    chunk(false, 2, cookie, &[&at.to_be_bytes()[..], &length.to_be_bytes()].concat())
}

fn done(cookie: u64) -> Vec<u8> {
    chunk(true, 0, cookie, &[])
}

fn violation<T>(result: Result<T, Fault>) -> Option<Violation> {
    match result {
        Err(Fault::Violation(violation)) => Some(violation),
        _ => None,
    }
}

/// A piece of an answer, somewhere near what was asked.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop::collection::vec(0..UNWRITTEN, 0..40);
    prop_oneof![
        (1u64..6, 90u64..140, prop::collection::vec(0..UNWRITTEN, 1..20))
            .prop_map(|(cookie, at, bytes)| data(cookie, at, &bytes)),
        (1u64..6, 90u64..140, 0u32..20).prop_map(|(cookie, at, length)| hole(cookie, at, length)),
        (1u64..6).prop_map(done),
        (any::<bool>(), any::<u16>(), 1u64..6, payload.clone())
            .prop_map(|(done, kind, cookie, bytes)| chunk(done, kind, cookie, &bytes)),
        payload,
    ]
}

proptest! {
    /// Pieces in any order make the bytes; a piece that lacks, comes twice or was not asked for
    /// makes an error.
    #[test]
    fn an_answer_is_whole_or_an_error(
        bytes in prop::collection::vec(prop_oneof![Just(0), 1..UNWRITTEN], 1..60),
        cuts in prop::collection::vec(1usize..60, 0..6),
        order in any::<prop::sample::Index>(),
        damaged in any::<prop::sample::Index>(),
    ) {
        let mut cuts: Vec<usize> = cuts.into_iter().filter(|cut| *cut < bytes.len()).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        cuts.dedup();
        let mut pieces: Vec<Vec<u8>> = cuts
            .windows(2)
            .map(|cut| match &bytes[cut[0]..cut[1]] {
                zero if zero.iter().all(|b| *b == 0) => {
                    hole(1, 100 + cut[0] as u64, zero.len() as u32)
                }
                part => data(1, 100 + cut[0] as u64, part),
            })
            .collect();
        let middle = order.index(pieces.len());
        pieces.rotate_left(middle);
        let script = |pieces: &[Vec<u8>]| [pieces.concat(), done(1)].concat();
        prop_assert_eq!(read(script(&pieces), 100, bytes.len(), 4096).unwrap(), bytes.clone());
        let at = damaged.index(pieces.len());
        let piece = pieces.remove(at);
        let lacking = read(script(&pieces), 100, bytes.len(), 4096);
        prop_assert_eq!(violation(lacking), Some(Violation::Incomplete));
        pieces.extend([piece.clone(), piece]);
        let doubled = read(script(&pieces), 100, bytes.len(), 4096);
        prop_assert_eq!(violation(doubled), Some(Violation::Unasked));
    }

    /// Whatever comes, success means that every byte was sent.
    #[test]
    fn no_byte_is_taken_from_old_memory(pieces in prop::collection::vec(piece(), 0..12)) {
        if let Ok(bytes) = read(pieces.concat(), 100, 32, 8) {
            prop_assert!(!bytes.contains(&UNWRITTEN));
        }
        let _ = status(pieces.concat(), 100..132);
    }

    #[test]
    fn any_bytes_end_a_handshake(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        replies in prop::collection::vec(
            (0u32..12, prop_oneof![0u32..5, 0x8000_0000u32..0x8000_000a], 0u32..40), 0..8),
    ) {
        let _ = negotiate(&mut Script(Cursor::new(bytes.clone())), "disk", &Context::Allocation);
        let mut script = b"NBDMAGICIHAVEOPT\0\x03".to_vec();
        for (option, kind, length) in replies {
            script.extend(0x0003_e889_0455_65a9_u64.to_be_bytes());
            script.extend([option, kind, length].map(u32::to_be_bytes).as_flattened());
            script.extend(bytes.iter().cycle().take(length as usize));
        }
        let _ = negotiate(&mut Script(Cursor::new(script)), "disk", &Context::Allocation);
    }
}

fn option_reply(option: u32, kind: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = 0x0003_e889_0455_65a9_u64.to_be_bytes().to_vec();
    bytes.extend([option, kind, payload.len() as u32].map(u32::to_be_bytes).as_flattened());
    bytes.extend(payload);
    bytes
}

#[test]
fn a_server_that_knows_no_options_gives_its_export() {
    let unsupported = 1 << 31 | 1;
    let mut script = b"NBDMAGICIHAVEOPT\0\x01".to_vec();
    script.extend(option_reply(8, unsupported, b""));
    script.extend(option_reply(7, unsupported, b"what?"));
    script.extend(4096_u64.to_be_bytes());
    script.extend([0; 2 + 124]);
    let export = negotiate(&mut Script(Cursor::new(script)), "disk", &Context::Allocation).unwrap();
    let block_sizes = BlockSizes::default();
    assert_eq!(export, Export { size: 4096, block_sizes, structured: false, status: None });
}

#[test]
fn a_size_that_is_missing_or_absurd_is_refused() {
    let go = |replies: &[Vec<u8>]| {
        let mut script = b"NBDMAGICIHAVEOPT\0\x03".to_vec();
        script.extend(option_reply(8, 1 << 31 | 1, b""));
        script.extend(replies.concat());
        script.extend(option_reply(7, 1, b""));
        violation(negotiate(&mut Script(Cursor::new(script)), "disk", &Context::Allocation))
    };
    assert_eq!(go(&[]), Some(Violation::NoSize));
    let absurd = [&[0; 2][..], &u64::MAX.to_be_bytes(), &[0; 2]].concat();
    let size = Some(Violation::Size { size: u64::MAX });
    assert_eq!(go(&[option_reply(7, 3, &absurd)]), size);
}

#[test]
fn replies_of_other_requests_are_refused() {
    assert_eq!(violation(read(done(2), 0, 8, 8)), Some(Violation::UnknownCookie));
    assert_eq!(violation(status(done(2), 0..8)), Some(Violation::UnknownCookie));
    let simple = [&0x6744_6698_u32.to_be_bytes()[..], &[0; 4], &1u64.to_be_bytes()].concat();
    assert_eq!(violation(read(simple, 0, 8, 8)), Some(Violation::WrongKind));
}

#[test]
fn lengths_are_bounded_before_memory_is_taken() {
    let mut script = chunk(false, 1 << 15 | 1, 1, &[]);
    script.splice(16..20, u32::MAX.to_be_bytes());
    let too_long = violation(read(script, 0, 8, 8));
    assert!(matches!(too_long, Some(Violation::TooLong { .. })), "{too_long:?}");
    let mut script = b"NBDMAGICIHAVEOPT\0\x03".to_vec();
    script.extend(0x0003_e889_0455_65a9_u64.to_be_bytes());
    script.extend([8, 1, u32::MAX].map(u32::to_be_bytes).as_flattened());
    let too_long =
        violation(negotiate(&mut Script(Cursor::new(script)), "disk", &Context::Allocation));
    assert!(matches!(too_long, Some(Violation::TooLong { .. })), "{too_long:?}");
}

#[test]
fn a_handshake_without_end_ends() {
    let mut script = b"NBDMAGICIHAVEOPT\0\x03".to_vec();
    for _ in 0..1000 {
        script.extend(0x0003_e889_0455_65a9_u64.to_be_bytes());
        script.extend([8, 2, 0].map(u32::to_be_bytes).as_flattened());
    }
    let endless =
        violation(negotiate(&mut Script(Cursor::new(script)), "disk", &Context::Allocation));
    assert!(matches!(endless, Some(Violation::TooManyReplies { .. })), "{endless:?}");
}
