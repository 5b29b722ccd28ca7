//! The NBD protocol as bytes: fixed newstyle handshake, requests, simple and structured replies.
//!
//! Written from the protocol document of the Network Block Device project (`doc/proto.md`). Pure
//! functions over byte slices: whatever a client sends, they return a value or say what is wrong.
//! All numbers on the wire are big-endian.

mod numbers;
mod option;
mod reply;
mod request;
#[cfg(test)]
mod tests;

pub(crate) use numbers::{BASE_ALLOCATION, CommandFlags, Errno, MAX_NAME, transmission};
pub(crate) use option::{
    BlockSizes, ClientFlags, InfoRequest, MetaRequest, OptionCode, OptionHeader, OptionReplies,
    Refusal, export_name_reply, greeting,
};
pub(crate) use reply::{
    DATA_HEAD, HOLE_CHUNK, STATUS_ENTRY, STATUS_HEAD, data_head, done, error_chunk, hole_chunk,
    simple_head, status_entry, status_head,
};
pub(crate) use request::{Command, REQUEST, Request};

/// Reads big-endian numbers and byte strings off the front of a slice.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
