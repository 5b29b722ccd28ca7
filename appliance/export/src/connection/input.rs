//! What comes from the client: requests, many at a time, and the payload of writes, which is read
//! straight into the buffer that is written from.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use crate::budget::Buffer;
use crate::wire::{REQUEST, Request};

/// Room for requests that came together, in bytes: more than a client has in flight.
const INBOX: usize = 4096;

/// Bytes that came and were not looked at yet.
pub(super) struct Inbox {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; INBOX].into(), start: 0, end: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether a whole request is there.
    pub(super) fn has_request(&self) -> bool {
        self.end - self.start >= REQUEST
    }

    /// The next request: nothing if it is not all there yet, an inner nothing if it is none.
    pub(super) fn next_request(&mut self) -> Option<Option<Request>> {
        let request = self.unread().first_chunk::<REQUEST>().map(Request::parse)?;
        self.start += REQUEST;
        Some(request)
    }

    /// Moves bytes to `to` and says how many.
    pub(super) fn take(&mut self, to: &mut [u8]) -> usize {
        let from = self.unread();
        let count = from.len().min(to.len());
        for (to, from) in to.iter_mut().zip(from) {
            *to = *from;
        }
        self.start += count;
        count
    }

    /// Drops up to `most` bytes and says how many.
    pub(super) fn skip(&mut self, most: u32) -> u32 {
        let count = (self.end - self.start).min(most as usize);
        self.start += count;
        count as u32
    }

    /// Reads more from the client, at least a byte; 0 at its end.
    pub(super) fn poll_fill<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.bytes.len() {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let room = self.bytes.get_mut(self.end..).unwrap_or_default();
        let count = ready!(poll_into(stream, cx, room))?;
        self.end += count;
        Poll::Ready(Ok(count))
    }

    fn unread(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }
}

/// The payload of a write, as far as it came.
pub(super) struct Payload {
    pub(super) request: Request,
    buffer: Buffer,
    filled: usize,
}

impl Payload {
    pub(super) fn new(request: Request, buffer: Buffer) -> Self {
        Self { request, buffer, filled: 0 }
    }

    pub(super) fn take_from(&mut self, inbox: &mut Inbox) {
        self.filled += inbox.take(self.buffer.as_mut().get_mut(self.filled..).unwrap_or_default());
    }

    pub(super) fn is_complete(&self) -> bool {
        self.filled == self.buffer.as_ref().len()
    }

    pub(super) fn into_parts(self) -> (Request, Buffer) {
        (self.request, self.buffer)
    }

    pub(super) fn poll_fill<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let room = self.buffer.as_mut().get_mut(self.filled..).unwrap_or_default();
        let count = ready!(poll_into(stream, cx, room))?;
        self.filled += count;
        Poll::Ready(Ok(count))
    }
}

fn poll_into<S: AsyncRead + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    room: &mut [u8],
) -> Poll<io::Result<usize>> {
    let mut room = ReadBuf::new(room);
    ready!(Pin::new(stream).poll_read(cx, &mut room))?;
    Poll::Ready(Ok(room.filled().len()))
}
