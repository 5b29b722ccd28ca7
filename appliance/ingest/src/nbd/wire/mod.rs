//! The NBD protocol as bytes, from the client's side: what is sent, and what replies mean.
//!
//! Written from the protocol document of the Network Block Device project (`doc/proto.md`). Pure
//! functions over byte slices: whatever a server sends, they give a value or name the violation.
//! All numbers on the wire are big-endian.

mod handshake;
mod numbers;
mod reply;
mod request;
#[cfg(test)]
mod tests;
mod violation;

pub(super) use handshake::{
    BlockSizes, Context, EXPORT_REPLY, GREETING, Greeting, Info, OPTION_REPLY, OptionCode,
    OptionReply, ReplyKind, clean_text, client_flags, export_name, export_reply, go_payload, info,
    meta_payload, option,
};
pub(super) use numbers::MAX_NAME;
pub(super) use reply::{
    Chunk, ChunkKind, DATA_HEAD, HOLE, Head, SIMPLE_HEAD, STRUCTURED_REST, chunk_error, data_at,
    head, hole, status,
};
pub(super) use request::{Request, disconnect};
pub use violation::{Refusal, Violation};

/// Reads big-endian numbers off the front of a slice.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Violation> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(Violation::Short)?;
        self.0 = rest;
        Ok(*head)
    }

    fn u16(&mut self) -> Result<u16, Violation> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, Violation> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, Violation> {
        self.array().map(u64::from_be_bytes)
    }

    fn rest(self) -> &'a [u8] {
        self.0
    }
}
