//! Replies on their way to the client: all that are ready go out with one system call.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use crate::budget::Buffer;

/// Replies per system call.
const BATCH: usize = 32;

#[derive(Default)]
pub(super) struct Outbox {
    replies: VecDeque<Buffer>,
    /// Bytes of the first reply that are sent.
    sent: usize,
    /// Bytes of all replies that are not sent.
    pub(super) bytes: usize,
    /// Something was sent that may still lie in the encryption layer.
    unflushed: bool,
}

impl Outbox {
    pub(super) fn push(&mut self, reply: Buffer) {
        self.bytes += reply.as_ref().len();
        self.replies.push_back(reply);
    }

    /// Whether everything has left this process.
    pub(super) fn is_empty(&self) -> bool {
        self.replies.is_empty() && !self.unflushed
    }

    /// Sends something and says how many replies that finished. Not to be called when empty.
    pub(super) fn poll_send<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.replies.is_empty() {
            ready!(Pin::new(stream).poll_flush(cx))?;
            self.unflushed = false;
            return Poll::Ready(Ok(0));
        }
        let mut slices = [IoSlice::new(&[]); BATCH];
        let mut skip = self.sent;
        let mut count = 0;
        for (slice, reply) in slices.iter_mut().zip(&self.replies) {
            *slice = IoSlice::new(reply.as_ref().get(skip..).unwrap_or_default());
            skip = 0;
            count += 1;
        }
        let slices = slices.get(..count).unwrap_or_default();
        let sent = ready!(Pin::new(stream).poll_write_vectored(cx, slices))?;
        if sent == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.unflushed = true;
        Poll::Ready(Ok(self.advance(sent)))
    }

    fn advance(&mut self, sent: usize) -> usize {
        self.bytes -= sent;
        self.sent += sent;
        let mut finished = 0;
        while let Some(first) = self.replies.front() {
            let length = first.as_ref().len();
            if self.sent < length {
                break;
            }
            self.sent -= length;
            self.replies.pop_front();
            finished += 1;
        }
        finished
    }
}
