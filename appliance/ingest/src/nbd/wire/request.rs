//! Requests.

use super::numbers::{COMMAND_BLOCK_STATUS, COMMAND_DISCONNECT, COMMAND_READ, REQUEST_MAGIC};

/// A request about a range of the volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request {
    /// Comes back in the reply.
    pub(crate) cookie: u64,
    pub(crate) offset: u64,
    pub(crate) length: u32,
}

impl Request {
    /// Asks for the bytes of the range.
    pub(crate) fn read(self) -> [u8; 28] {
        self.encode(COMMAND_READ)
    }

    /// Asks what of the range is zero.
    pub(crate) fn block_status(self) -> [u8; 28] {
        self.encode(COMMAND_BLOCK_STATUS)
    }

    fn encode(self, command: u16) -> [u8; 28] {
        let mut bytes = [0; 28];
        bytes[0..4].copy_from_slice(&REQUEST_MAGIC.to_be_bytes());
        bytes[6..8].copy_from_slice(&command.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.cookie.to_be_bytes());
        bytes[16..24].copy_from_slice(&self.offset.to_be_bytes());
        bytes[24..28].copy_from_slice(&self.length.to_be_bytes());
        bytes
    }
}

/// Says that no more requests come; has no reply.
pub(crate) fn disconnect() -> [u8; 28] {
    Request { cookie: 0, offset: 0, length: 0 }.encode(COMMAND_DISCONNECT)
}
