//! Replies of the transmission phase, as heads that are copied in front of their data.

use super::numbers::{Errno, SIMPLE_REPLY_MAGIC, STRUCTURED_REPLY_MAGIC, chunk};

/// Size of a simple reply without data, in bytes.
pub(crate) const SIMPLE_HEAD: usize = 16;
/// Size of the head of every structured chunk, in bytes.
pub(crate) const CHUNK_HEAD: usize = 20;
/// Size of the head of a data chunk: chunk head and offset.
pub(crate) const DATA_HEAD: usize = CHUNK_HEAD + 8;
/// Size of a hole chunk.
pub(crate) const HOLE_CHUNK: usize = CHUNK_HEAD + 12;
/// Size of the head of a block status chunk: chunk head and metadata context.
pub(crate) const STATUS_HEAD: usize = CHUNK_HEAD + 4;
/// Size of one extent in a block status chunk.
pub(crate) const STATUS_ENTRY: usize = 8;

/// Extent takes no space, and reads as zeroes.
const STATE_HOLE_AND_ZERO: u32 = 3;

/// A simple reply; the data of a successful read follow it.
pub(crate) fn simple_head(cookie: u64, error: Option<Errno>) -> [u8; SIMPLE_HEAD] {
    let mut head = [0; SIMPLE_HEAD];
    let error = error.map_or(0, |error| error as u32);
    put(&mut head, &[&SIMPLE_REPLY_MAGIC.to_be_bytes(), &error.to_be_bytes(), &be(cookie)]);
    head
}

/// A structured reply that says only that the request succeeded.
pub(crate) fn done(cookie: u64) -> [u8; CHUNK_HEAD] {
    chunk_head(cookie, chunk::NONE, true, 0)
}

/// Head of `length` bytes read at `offset`.
pub(crate) fn data_head(cookie: u64, last: bool, offset: u64, length: u32) -> [u8; DATA_HEAD] {
    let mut head = [0; DATA_HEAD];
    let chunk = chunk_head(cookie, chunk::OFFSET_DATA, last, length.saturating_add(8));
    put(&mut head, &[&chunk, &be(offset)]);
    head
}

/// `length` zero bytes at `offset`.
pub(crate) fn hole_chunk(cookie: u64, last: bool, offset: u64, length: u32) -> [u8; HOLE_CHUNK] {
    let mut head = [0; HOLE_CHUNK];
    let chunk = chunk_head(cookie, chunk::OFFSET_HOLE, last, 12);
    put(&mut head, &[&chunk, &be(offset), &length.to_be_bytes()]);
    head
}

/// Head of a block status reply with `count` entries.
pub(crate) fn status_head(cookie: u64, context: u32, count: u32) -> [u8; STATUS_HEAD] {
    let mut head = [0; STATUS_HEAD];
    let payload = count.saturating_mul(STATUS_ENTRY as u32).saturating_add(4);
    let chunk = chunk_head(cookie, chunk::BLOCK_STATUS, true, payload);
    put(&mut head, &[&chunk, &context.to_be_bytes()]);
    head
}

pub(crate) fn status_entry(length: u32, hole: bool) -> [u8; STATUS_ENTRY] {
    let mut entry = [0; STATUS_ENTRY];
    let state = if hole { STATE_HOLE_AND_ZERO } else { 0 };
    put(&mut entry, &[&length.to_be_bytes(), &state.to_be_bytes()]);
    entry
}

/// A structured reply that says only that the request failed.
pub(crate) fn error_chunk(cookie: u64, error: Errno) -> [u8; CHUNK_HEAD + 6] {
    let mut reply = [0; CHUNK_HEAD + 6];
    let chunk = chunk_head(cookie, chunk::ERROR, true, 6);
    put(&mut reply, &[&chunk, &(error as u32).to_be_bytes(), &[0, 0]]);
    reply
}

fn chunk_head(cookie: u64, kind: u16, last: bool, payload: u32) -> [u8; CHUNK_HEAD] {
    let mut head = [0; CHUNK_HEAD];
    let flags = if last { chunk::FLAG_DONE } else { 0 };
    put(
        &mut head,
        &[
            &STRUCTURED_REPLY_MAGIC.to_be_bytes(),
            &flags.to_be_bytes(),
            &kind.to_be_bytes(),
            &be(cookie),
            &payload.to_be_bytes(),
        ],
    );
    head
}

fn be(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

/// Writes the parts one after the other; together they are as long as `to`.
fn put(to: &mut [u8], parts: &[&[u8]]) {
    debug_assert_eq!(to.len(), parts.iter().map(|part| part.len()).sum::<usize>());
    for (to, from) in to.iter_mut().zip(parts.iter().copied().flatten()) {
        *to = *from;
    }
}
