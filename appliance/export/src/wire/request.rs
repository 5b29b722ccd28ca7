//! Requests of the transmission phase.

use super::Cursor;
use super::numbers::{CommandFlags, REQUEST_MAGIC};

/// Size of a request without its payload, in bytes.
pub(crate) const REQUEST: usize = 28;

/// A request as it came; only its magic number has been checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) flags: CommandFlags,
    pub(crate) command: Command,
    /// Chosen by the client, repeated in the reply.
    pub(crate) cookie: u64,
    /// In bytes.
    pub(crate) offset: u64,
    /// In bytes: of the range, and for a write of the payload that follows.
    pub(crate) length: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Read,
    Write,
    Disconnect,
    Flush,
    Trim,
    Cache,
    WriteZeroes,
    BlockStatus,
    Unknown(u16),
}

impl Command {
    fn from_number(number: u16) -> Self {
        match number {
            0 => Self::Read,
            1 => Self::Write,
            2 => Self::Disconnect,
            3 => Self::Flush,
            4 => Self::Trim,
            5 => Self::Cache,
            6 => Self::WriteZeroes,
            7 => Self::BlockStatus,
            other => Self::Unknown(other),
        }
    }
}

impl Request {
    /// Nothing if the magic number is wrong: then the stream is out of step and of no more use.
    pub(crate) fn parse(bytes: &[u8; REQUEST]) -> Option<Self> {
        let mut from = Cursor(bytes);
        if from.u32()? != REQUEST_MAGIC {
            return None;
        }
        Some(Self {
            flags: CommandFlags(from.u16()?),
            command: Command::from_number(from.u16()?),
            cookie: from.u64()?,
            offset: from.u64()?,
            length: from.u32()?,
        })
    }

    /// How many bytes of payload follow the request.
    pub(crate) fn payload(&self) -> u32 {
        if self.command == Command::Write { self.length } else { 0 }
    }
}
