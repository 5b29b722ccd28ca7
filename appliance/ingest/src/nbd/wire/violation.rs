//! How a server can break the protocol, and how it can decline within it.

/// What a server sent that no server may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    #[error("what listens there is not an NBD server")]
    NotNbd,
    #[error("it speaks the handshake from before 2011, which cannot name an export")]
    OldStyle,
    #[error("a reply to an option does not start as one")]
    OptionReply,
    #[error("a reply answers another option")]
    OtherOption,
    #[error("a length of {length} bytes where at most {limit} are allowed")]
    TooLong { length: u64, limit: u64 },
    #[error("a message ends too early")]
    Short,
    #[error("it accepted the export and did not tell its size")]
    NoSize,
    #[error("a size of {size} bytes is not one of a disk")]
    Size { size: u64 },
    #[error("its block sizes make no sense")]
    BlockSizes,
    #[error("more than {limit} replies to one option")]
    TooManyReplies { limit: u32 },
    #[error("a reply does not start as one")]
    Reply,
    #[error("a reply to a request that was not made")]
    UnknownCookie,
    #[error("a reply of a kind that does not fit its request")]
    WrongKind,
    #[error("a reply has bytes that were not asked for, or has them twice")]
    Unasked,
    #[error("a reply leaves out bytes that were asked for")]
    Incomplete,
    #[error("a reply comes in more than {limit} pieces")]
    Scattered { limit: usize },
}

/// Why a server does not give an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("it has no export of this name")]
    Unknown,
    #[error("its rules forbid it")]
    Policy,
    #[error("it demands TLS")]
    Tls,
    #[error("it is shutting down")]
    ShuttingDown,
    #[error("it closed the connection")]
    Closed,
    #[error("it does not support what was asked")]
    Unsupported,
    #[error("it gave error {code}")]
    Other { code: u32 },
}

impl Refusal {
    /// From the type of an option reply, whose highest bit says that it is an error.
    pub(super) fn from_code(kind: u32) -> Self {
        match kind & !super::numbers::REPLY_ERROR {
            1 => Self::Unsupported,
            2 => Self::Policy,
            5 => Self::Tls,
            6 => Self::Unknown,
            7 => Self::ShuttingDown,
            code => Self::Other { code },
        }
    }

    /// What a technician does next.
    pub(crate) fn next_step(self) -> &'static str {
        match self {
            Self::Unknown | Self::Closed => "list its exports with: nbdinfo --list ADDRESS",
            Self::Tls => "reach it through a tunnel, or let it serve this box without TLS",
            Self::Policy => "look which clients and exports its configuration allows",
            Self::ShuttingDown => "try again when it is up",
            Self::Unsupported | Self::Other { .. } => "look into its log",
        }
    }
}
