//! Replies to requests: simple ones, and chunks of structured ones.

use std::ops::Range;

use super::numbers::{
    CHUNK_DATA, CHUNK_DONE, CHUNK_ERROR, CHUNK_HOLE, CHUNK_NONE, CHUNK_STATUS, SIMPLE_MAGIC,
    STRUCTURED_MAGIC,
};
use super::{Cursor, Violation};

/// Bytes at the front of a reply that tell which kind it is: all of a simple reply's head.
pub(crate) const SIMPLE_HEAD: usize = 16;
/// Bytes of a structured head after those.
pub(crate) const STRUCTURED_REST: usize = 4;
/// Bytes at the front of a data chunk, before the data.
pub(crate) const DATA_HEAD: usize = 8;
/// Bytes of a hole chunk.
pub(crate) const HOLE: usize = 12;

/// The front of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Head {
    /// Data follow a read that has no error.
    Simple { error: u32, cookie: u64 },
    /// The length follows, then so many bytes.
    Structured(Chunk),
}

/// The front of a chunk of a structured reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) cookie: u64,
    pub(crate) kind: ChunkKind,
    /// It is the last of its reply.
    pub(crate) done: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChunkKind {
    None,
    Data,
    Hole,
    Status,
    Error,
}

pub(crate) fn head(bytes: &[u8; SIMPLE_HEAD]) -> Result<Head, Violation> {
    let mut cursor = Cursor(bytes);
    match cursor.u32()? {
        SIMPLE_MAGIC => Ok(Head::Simple { error: cursor.u32()?, cookie: cursor.u64()? }),
        STRUCTURED_MAGIC => {
            let done = cursor.u16()? & CHUNK_DONE != 0;
            let kind = match cursor.u16()? {
                CHUNK_NONE => ChunkKind::None,
                CHUNK_DATA => ChunkKind::Data,
                CHUNK_HOLE => ChunkKind::Hole,
                CHUNK_STATUS => ChunkKind::Status,
                code if code & CHUNK_ERROR != 0 => ChunkKind::Error,
                _ => return Err(Violation::WrongKind),
            };
            Ok(Head::Structured(Chunk { cookie: cursor.u64()?, kind, done }))
        }
        _ => Err(Violation::Reply),
    }
}

/// Where in the volume the data of a chunk start.
pub(crate) fn data_at(bytes: &[u8; DATA_HEAD]) -> u64 {
    u64::from_be_bytes(*bytes)
}

/// Which range of the volume a hole chunk says to be zero, as offset and length.
pub(crate) fn hole(bytes: &[u8; HOLE]) -> Result<(u64, u32), Violation> {
    let mut cursor = Cursor(bytes);
    Ok((cursor.u64()?, cursor.u32()?))
}

/// The error number of an error chunk, and the server's words.
pub(crate) fn chunk_error(payload: &[u8]) -> Result<(u32, &[u8]), Violation> {
    let mut cursor = Cursor(payload);
    let (error, length) = (cursor.u32()?, cursor.u16()?);
    Ok((error, cursor.rest().get(..usize::from(length)).ok_or(Violation::Short)?))
}

/// The ranges from `start` on that count by their flags, in order, and where knowledge ends.
///
/// `payload` is a status chunk of the metadata context with the number `context`. Others that are
/// shorter than `gap` bytes (at least one) between two that count do so as well. Nothing at or
/// after `end` is told, however far the server went.
pub(crate) fn status(
    payload: &[u8],
    context: u32,
    start: u64,
    end: u64,
    gap: u64,
    counts: impl Fn(u32) -> bool,
) -> Result<(Vec<Range<u64>>, u64), Violation> {
    let mut cursor = Cursor(payload);
    if cursor.u32()? != context {
        return Err(Violation::WrongKind);
    }
    let (entries, rest) = cursor.rest().as_chunks::<8>();
    if entries.is_empty() || !rest.is_empty() {
        return Err(Violation::Short);
    }
    let mut data: Vec<Range<u64>> = Vec::new();
    let mut at = start;
    for entry in entries {
        let mut cursor = Cursor(entry);
        let (length, flags) = (u64::from(cursor.u32()?), cursor.u32()?);
        if length == 0 {
            return Err(Violation::Short);
        }
        let part = at..at.saturating_add(length).min(end);
        at = part.end;
        if !counts(flags) || part.is_empty() {
            continue;
        }
        match data.last_mut() {
            Some(last) if part.start - last.end < gap => last.end = part.end,
            _ => data.push(part),
        }
    }
    Ok((data, at))
}
