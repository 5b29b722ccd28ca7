//! Requests and their replies on one connection.
//!
//! A read is cut into requests of which a few are under way at once, so that the wait for one
//! hides behind the bytes of another. Replies come in any order and in pieces. What a reply leaves
//! out is an error: memory keeps what it held, which may be another client's data.

mod missing;

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::ops::Range;

use self::missing::Missing;
use super::extents::Extents;
use super::fault::Fault;
use super::negotiate::{Export, read_bounded};
use super::wire::{
    Chunk, ChunkKind, Context, DATA_HEAD, HOLE, Head, Request, SIMPLE_HEAD, STRUCTURED_REST,
    Violation, chunk_error, clean_text, data_at, head, hole, status,
};

/// Bytes of one read request, unless the server takes less: large enough that its own cost does
/// not show, small enough that several fit the buffers of a socket's way.
const REQUEST_BYTES: u32 = 1 << 20;

/// Read requests under way at once on one connection: with 1 MiB each, enough for 10 Gbit/s at
/// 3 ms of latency.
const IN_FLIGHT: usize = 4;

/// Bytes of an error chunk: its fields and the longest text of the protocol.
const MAX_ERROR: u32 = 4096 + 16;

/// Bytes of a status chunk: 128 Ki entries, as many as known servers put into one.
const MAX_STATUS: u32 = 4 + 8 * (128 << 10);

/// Zeroes between data that are shorter than this, in bytes, are read like data: a round trip
/// costs more.
const SMALL_GAP: u64 = 64 << 10;

/// A read request that has not been answered in full.
#[derive(Debug)]
struct Pending {
    cookie: u64,
    /// The part of the buffer that it fills.
    part: Range<usize>,
    missing: Missing,
}

/// One call's use of a connection. After an error the connection is of no more use: answers to
/// other requests may be on their way.
#[derive(Debug)]
pub(crate) struct Transfer<'a, S> {
    pub(crate) stream: &'a mut S,
    pub(crate) export: &'a Export,
    /// Counts the requests of the connection, so that a reply to an old one is noticed.
    pub(crate) cookie: &'a mut u64,
}

impl<S: Read + Write> Transfer<'_, S> {
    /// Fills `buffer` from `offset`; both fit the server's block size.
    pub(crate) fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), Fault> {
        let sizes = self.export.block_sizes;
        let step = sizes.max.min(REQUEST_BYTES).max(sizes.min) as usize;
        let mut pending: VecDeque<Pending> = VecDeque::with_capacity(IN_FLIGHT);
        let mut next = 0;
        loop {
            let mut requests = Vec::new();
            while pending.len() < IN_FLIGHT && next < buffer.len() {
                let part = next..buffer.len().min(next + step);
                next = part.end;
                let cookie = self.next_cookie();
                let length = part.len() as u32;
                let request = Request { cookie, offset: offset + part.start as u64, length };
                requests.extend(request.read());
                pending.push_back(Pending { cookie, missing: Missing::all(part.clone()), part });
            }
            self.stream.write_all(&requests)?;
            if pending.is_empty() {
                return Ok(());
            }
            self.receive(offset, buffer, &mut pending)?;
        }
    }

    /// What the server knows of a range that fits its block size: up to where it knows, and
    /// nothing at or after `end`. `context` and its number were agreed.
    pub(crate) fn status(
        &mut self,
        (context, number): &(Context, u32),
        range: Range<u64>,
        end: u64,
    ) -> Result<Extents, Fault> {
        let length = u32::try_from(range.end - range.start).unwrap_or(u32::MAX);
        let cookie = self.next_cookie();
        self.stream.write_all(&Request { cookie, offset: range.start, length }.block_status())?;
        let mut found = None;
        loop {
            let chunk = match self.head()? {
                Head::Structured(chunk) if chunk.cookie == cookie => chunk,
                Head::Simple { error, cookie: answered } if answered == cookie && error != 0 => {
                    return Err(Fault::Failed { errno: error, message: String::new() });
                }
                _ => return Err(Violation::UnknownCookie.into()),
            };
            match chunk.kind {
                ChunkKind::Status if found.is_none() => {
                    let payload = self.payload(MAX_STATUS)?;
                    let counts = |flags| context.counts(flags);
                    let (data, known) =
                        status(&payload, *number, range.start, end, SMALL_GAP, counts)?;
                    found = Some(Extents::new(range.start..known, data));
                }
                ChunkKind::None => self.nothing()?,
                ChunkKind::Error => return Err(self.failure()?),
                _ => return Err(Violation::WrongKind.into()),
            }
            if chunk.done {
                return found.ok_or_else(|| Violation::Incomplete.into());
            }
        }
    }

    fn next_cookie(&mut self) -> u64 {
        *self.cookie = self.cookie.wrapping_add(1);
        *self.cookie
    }

    /// Takes one simple reply or one chunk.
    fn receive(
        &mut self,
        offset: u64,
        buffer: &mut [u8],
        pending: &mut VecDeque<Pending>,
    ) -> Result<(), Fault> {
        let head = self.head()?;
        let cookie = match head {
            Head::Simple { cookie, .. } | Head::Structured(Chunk { cookie, .. }) => cookie,
        };
        let place = pending.iter().position(|request| request.cookie == cookie);
        let (place, request) = place
            .and_then(|place| Some((place, pending.get_mut(place)?)))
            .ok_or(Violation::UnknownCookie)?;
        let done = match head {
            Head::Simple { error, .. } => self.receive_simple(error, buffer, request)?,
            Head::Structured(chunk) => self.receive_chunk(chunk, offset, buffer, request)?,
        };
        if done {
            if !request.missing.is_empty() {
                return Err(Violation::Incomplete.into());
            }
            pending.remove(place);
        }
        Ok(())
    }

    fn receive_simple(
        &mut self,
        error: u32,
        buffer: &mut [u8],
        request: &mut Pending,
    ) -> Result<bool, Fault> {
        if error != 0 {
            return Err(Fault::Failed { errno: error, message: String::new() });
        }
        if self.export.structured {
            return Err(Violation::WrongKind.into());
        }
        let part = request.part.clone();
        request.missing.take(&part)?;
        self.stream.read_exact(buffer.get_mut(part).ok_or(Violation::Unasked)?)?;
        Ok(true)
    }

    fn receive_chunk(
        &mut self,
        chunk: Chunk,
        offset: u64,
        buffer: &mut [u8],
        request: &mut Pending,
    ) -> Result<bool, Fault> {
        match chunk.kind {
            ChunkKind::Data => {
                let length = self.length()?.checked_sub(DATA_HEAD as u32);
                let mut at = [0; DATA_HEAD];
                self.stream.read_exact(&mut at)?;
                let length = length.ok_or(Violation::Short)?;
                let part = place(data_at(&at), length, offset)?;
                request.missing.take(&part)?;
                self.stream.read_exact(buffer.get_mut(part).ok_or(Violation::Unasked)?)?;
            }
            ChunkKind::Hole => {
                if self.length()? as usize != HOLE {
                    return Err(Violation::Short.into());
                }
                let mut bytes = [0; HOLE];
                self.stream.read_exact(&mut bytes)?;
                let (at, length) = hole(&bytes)?;
                let part = place(at, length, offset)?;
                request.missing.take(&part)?;
                buffer.get_mut(part).ok_or(Violation::Unasked)?.fill(0);
            }
            ChunkKind::None => self.nothing()?,
            ChunkKind::Error => return Err(self.failure()?),
            ChunkKind::Status => return Err(Violation::WrongKind.into()),
        }
        Ok(chunk.done)
    }

    fn head(&mut self) -> Result<Head, Fault> {
        let mut bytes = [0; SIMPLE_HEAD];
        self.stream.read_exact(&mut bytes)?;
        Ok(head(&bytes)?)
    }

    /// The length that ends the head of a chunk.
    fn length(&mut self) -> Result<u32, Fault> {
        let mut bytes = [0; STRUCTURED_REST];
        self.stream.read_exact(&mut bytes)?;
        Ok(u32::from_be_bytes(bytes))
    }

    fn payload(&mut self, limit: u32) -> Result<Vec<u8>, Fault> {
        let length = self.length()?;
        read_bounded(self.stream, length, limit)
    }

    fn nothing(&mut self) -> Result<(), Fault> {
        self.payload(0).map(drop)
    }

    fn failure(&mut self) -> Result<Fault, Fault> {
        let payload = self.payload(MAX_ERROR)?;
        let (errno, message) = chunk_error(&payload)?;
        Ok(Fault::Failed { errno, message: clean_text(message) })
    }
}

/// Where in the buffer a range of the volume stands, whose first byte is that at `offset`.
fn place(at: u64, length: u32, offset: u64) -> Result<Range<usize>, Violation> {
    let start = at.checked_sub(offset).and_then(|start| usize::try_from(start).ok());
    let part = start.and_then(|start| Some(start..start.checked_add(length as usize)?));
    part.filter(|part| !part.is_empty()).ok_or(Violation::Unasked)
}
