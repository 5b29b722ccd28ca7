//! The protocol's numbers. Names follow the protocol document, without its prefixes.

/// The longest export name or metadata query that the protocol allows, in bytes.
pub(crate) const MAX_NAME: usize = 4096;

/// The one metadata context that is served: which extents are holes.
pub(crate) const BASE_ALLOCATION: &str = "base:allocation";

pub(super) const GREETING_MAGIC: u64 = 0x4e42_444d_4147_4943;
pub(super) const OPTION_MAGIC: u64 = 0x4948_4156_454f_5054;
pub(super) const OPTION_REPLY_MAGIC: u64 = 0x0003_e889_0455_65a9;
pub(super) const REQUEST_MAGIC: u32 = 0x2560_9513;
pub(super) const SIMPLE_REPLY_MAGIC: u32 = 0x6744_6698;
pub(super) const STRUCTURED_REPLY_MAGIC: u32 = 0x668e_33ef;

/// Handshake flags of the server, and those of the client at the same bits.
pub(super) mod handshake {
    pub(crate) const FIXED_NEWSTYLE: u16 = 1;
    pub(crate) const NO_ZEROES: u16 = 1 << 1;
}

/// Reply types of the option phase.
pub(super) mod option_reply {
    pub(crate) const ACK: u32 = 1;
    pub(crate) const SERVER: u32 = 2;
    pub(crate) const INFO: u32 = 3;
    pub(crate) const META_CONTEXT: u32 = 4;
}

/// Information types of `INFO` and `GO`.
pub(super) mod info {
    pub(crate) const EXPORT: u16 = 0;
    pub(crate) const BLOCK_SIZE: u16 = 3;
}

/// Transmission flags: what an export can do.
pub(crate) mod transmission {
    pub(crate) const HAS_FLAGS: u16 = 1;
    pub(crate) const READ_ONLY: u16 = 1 << 1;
    pub(crate) const SEND_FLUSH: u16 = 1 << 2;
    pub(crate) const SEND_FUA: u16 = 1 << 3;
    pub(crate) const SEND_TRIM: u16 = 1 << 5;
    pub(crate) const SEND_WRITE_ZEROES: u16 = 1 << 6;
    pub(crate) const SEND_DF: u16 = 1 << 7;
    pub(crate) const CAN_MULTI_CONN: u16 = 1 << 8;
    pub(crate) const SEND_CACHE: u16 = 1 << 10;
    pub(crate) const SEND_FAST_ZERO: u16 = 1 << 11;
}

/// Chunk types of structured replies, and the flag on the last chunk.
pub(super) mod chunk {
    pub(crate) const FLAG_DONE: u16 = 1;
    pub(crate) const NONE: u16 = 0;
    pub(crate) const OFFSET_DATA: u16 = 1;
    pub(crate) const OFFSET_HOLE: u16 = 2;
    pub(crate) const BLOCK_STATUS: u16 = 5;
    pub(crate) const ERROR: u16 = (1 << 15) + 1;
}

/// Flags of a request. Bits that are not named here belong to no command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CommandFlags(pub(crate) u16);

impl CommandFlags {
    /// Be durable before the reply.
    pub(crate) const FUA: Self = Self(1);
    /// Zeroes must take space.
    pub(crate) const NO_HOLE: Self = Self(1 << 1);
    /// One content chunk at most.
    pub(crate) const DF: Self = Self(1 << 2);
    /// One extent at most, not longer than asked for.
    pub(crate) const REQ_ONE: Self = Self(1 << 3);
    /// Write zeroes only if that is faster than writing.
    pub(crate) const FAST_ZERO: Self = Self(1 << 4);

    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }

    pub(crate) fn only(self, allowed: Self) -> bool {
        self.0 & !allowed.0 == 0
    }
}

/// Error values of replies: their numbers are the protocol's, not this system's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Errno {
    NotPermitted = 1,
    Io = 5,
    Invalid = 22,
    NoSpace = 28,
    Overflow = 75,
    NotSupported = 95,
}
