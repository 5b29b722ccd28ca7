//! The shortest NBD client: fixed newstyle handshake, then one read of the first block. Field names
//! and values are those of the NBD protocol document.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::error::{Error, Result};

const NBD_MAGIC: &[u8; 8] = b"NBDMAGIC";
const OPTION_MAGIC: &[u8; 8] = b"IHAVEOPT";
const REQUEST_MAGIC: u32 = 0x2560_9513;
const SIMPLE_REPLY_MAGIC: u32 = 0x6744_6698;

/// Fixed newstyle, no zeroes after the handshake.
const CLIENT_FLAGS: u32 = 3;
const OPTION_GO: u32 = 7;
const REPLY_ACK: u32 = 1;
/// This bit marks a reply as an error.
const REPLY_ERROR: u32 = 1 << 31;

/// More than any answer to an option is long; a longer one is a broken server.
const MAX_OPTION_REPLY_BYTES: u32 = 64 << 10;

const BLOCK_BYTES: u32 = 4096;

/// Opens the default export and reads its first block.
pub(super) fn read_first_block(mut stream: UnixStream) -> Result<()> {
    handshake(&mut stream)?;
    let mut request = Vec::new();
    request.extend_from_slice(&REQUEST_MAGIC.to_be_bytes());
    request.extend_from_slice(&[0; 4]); // flags, and the type of a read
    request.extend_from_slice(&1_u64.to_be_bytes()); // cookie
    request.extend_from_slice(&0_u64.to_be_bytes()); // offset
    request.extend_from_slice(&BLOCK_BYTES.to_be_bytes());
    send(&mut stream, &request)?;
    let (magic, error) = (receive_u32(&mut stream)?, receive_u32(&mut stream)?);
    if magic != SIMPLE_REPLY_MAGIC || error != 0 {
        return Err(unexpected(&format!("reply {magic:x} with error {error}")));
    }
    receive(&mut stream, &mut [0; 8])?;
    receive(&mut stream, &mut [0; BLOCK_BYTES as usize])
}

fn handshake(stream: &mut UnixStream) -> Result<()> {
    let mut greeting = [0; 18];
    receive(stream, &mut greeting)?;
    if !greeting.starts_with(NBD_MAGIC) {
        return Err(unexpected("no greeting"));
    }
    let mut option = CLIENT_FLAGS.to_be_bytes().to_vec();
    option.extend_from_slice(OPTION_MAGIC);
    option.extend_from_slice(&OPTION_GO.to_be_bytes());
    option.extend_from_slice(&6_u32.to_be_bytes());
    option.extend_from_slice(&[0; 6]); // the empty name, and no information asked for
    send(stream, &option)?;
    loop {
        let mut magic_and_option = [0; 12];
        receive(stream, &mut magic_and_option)?;
        let (kind, length) = (receive_u32(stream)?, receive_u32(stream)?);
        if kind & REPLY_ERROR != 0 || length > MAX_OPTION_REPLY_BYTES {
            return Err(unexpected(&format!("option reply {kind:x} of {length} bytes")));
        }
        receive(stream, &mut vec![0; length as usize])?;
        if kind == REPLY_ACK {
            return Ok(());
        }
    }
}

fn send(stream: &mut UnixStream, bytes: &[u8]) -> Result<()> {
    stream.write_all(bytes).map_err(Error::io(Path::new("NBD socket")))
}

fn receive(stream: &mut UnixStream, bytes: &mut [u8]) -> Result<()> {
    stream.read_exact(bytes).map_err(Error::io(Path::new("NBD socket")))
}

fn receive_u32(stream: &mut UnixStream) -> Result<u32> {
    let mut bytes = [0; 4];
    receive(stream, &mut bytes)?;
    Ok(u32::from_be_bytes(bytes))
}

fn unexpected(what: &str) -> Error {
    Error::Unexpected { from: "NBD server".into(), what: what.to_owned() }
}
