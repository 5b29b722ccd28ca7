//! The handshake: greeting, options and the replies to them.

use super::numbers::{
    BASE_ALLOCATION, DIRTY_BITMAP, FIXED_NEWSTYLE, INFO_BLOCK_SIZE, INFO_EXPORT, MAGIC, NO_ZEROES,
    OLDSTYLE_MAGIC, OPTION_MAGIC, OPTION_REPLY_MAGIC, REPLY_ACK, REPLY_ERROR, REPLY_INFO,
    REPLY_META_CONTEXT, STATE_DIRTY, STATE_ZERO,
};
use super::{Cursor, Refusal, Violation};

/// Bytes of a greeting.
pub(crate) const GREETING: usize = 18;
/// Bytes at the front of every option reply.
pub(crate) const OPTION_REPLY: usize = 20;
/// Bytes of the answer to the option that has no reply, without its zeroes.
pub(crate) const EXPORT_REPLY: usize = 10;

/// Largest request that a server takes without having said so, in bytes.
const DEFAULT_MAX: u32 = 32 << 20;
/// Smallest unit of a server that did not tell its own, in bytes: the sector that all know.
const DEFAULT_MIN: u32 = 512;
/// Largest smallest unit that the protocol allows, in bytes.
const MAX_MIN: u32 = 64 << 10;
/// Largest volume, in bytes: what a signed file offset can name.
const MAX_SIZE: u64 = i64::MAX as u64;
/// Characters of a server's own words that are passed on to people.
const MAX_TEXT: usize = 200;

/// What a server can do, as it says at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Greeting {
    /// It answers options that it does not know, instead of hanging up.
    pub(crate) fixed: bool,
    /// It leaves out 124 useless bytes.
    pub(crate) no_zeroes: bool,
}

impl Greeting {
    pub(crate) fn decode(bytes: &[u8; GREETING]) -> Result<Self, Violation> {
        let mut cursor = Cursor(bytes);
        if cursor.u64()? != MAGIC {
            return Err(Violation::NotNbd);
        }
        match cursor.u64()? {
            OPTION_MAGIC => {}
            OLDSTYLE_MAGIC => return Err(Violation::OldStyle),
            _ => return Err(Violation::NotNbd),
        }
        let flags = cursor.u16()?;
        Ok(Self { fixed: flags & FIXED_NEWSTYLE != 0, no_zeroes: flags & NO_ZEROES != 0 })
    }
}

/// The client's answer: what of the greeting it makes use of.
pub(crate) fn client_flags(greeting: Greeting) -> [u8; 4] {
    let fixed = if greeting.fixed { FIXED_NEWSTYLE } else { 0 };
    let no_zeroes = if greeting.no_zeroes { NO_ZEROES } else { 0 };
    u32::from(fixed | no_zeroes).to_be_bytes()
}

/// What a client can ask for before it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum OptionCode {
    ExportName = 1,
    Go = 7,
    StructuredReply = 8,
    SetMetaContext = 10,
}

pub(crate) fn option(option: OptionCode, payload: &[u8]) -> Vec<u8> {
    let mut bytes = OPTION_MAGIC.to_be_bytes().to_vec();
    bytes.extend((option as u32).to_be_bytes());
    bytes.extend((payload.len() as u32).to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// Asks for the export, and for its block sizes.
pub(crate) fn go_payload(export: &str) -> Vec<u8> {
    let mut bytes = text(export);
    bytes.extend(1u16.to_be_bytes());
    bytes.extend(INFO_BLOCK_SIZE.to_be_bytes());
    bytes
}

/// What the status of ranges is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Context {
    /// What holds data.
    Allocation,
    /// What was written since QEMU began the bitmap of this name.
    Dirty { bitmap: String },
}

impl Context {
    /// Its name in the protocol.
    fn name(&self) -> String {
        match self {
            Self::Allocation => BASE_ALLOCATION.to_owned(),
            Self::Dirty { bitmap } => format!("{DIRTY_BITMAP}{bitmap}"),
        }
    }

    /// Whether a range with these flags is one of those that are asked for.
    pub(crate) fn counts(&self, flags: u32) -> bool {
        match self {
            Self::Allocation => flags & STATE_ZERO == 0,
            Self::Dirty { .. } => flags & STATE_DIRTY != 0,
        }
    }

    /// The number that replies use for it; `None` for another context.
    pub(crate) fn number(&self, payload: &[u8]) -> Result<Option<u32>, Violation> {
        let mut cursor = Cursor(payload);
        let id = cursor.u32()?;
        Ok((cursor.rest() == self.name().as_bytes()).then_some(id))
    }
}

/// Asks for the status of ranges of the export.
pub(crate) fn meta_payload(export: &str, context: &Context) -> Vec<u8> {
    let mut bytes = text(export);
    bytes.extend(1u32.to_be_bytes());
    bytes.extend(text(&context.name()));
    bytes
}

/// Asks for the export, of servers that know no other way.
pub(crate) fn export_name(export: &str) -> Vec<u8> {
    option(OptionCode::ExportName, export.as_bytes())
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = (text.len() as u32).to_be_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}

/// The front of an option reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OptionReply {
    pub(crate) kind: ReplyKind,
    /// Bytes of the payload that follows.
    pub(crate) length: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReplyKind {
    Ack,
    Info,
    MetaContext,
    Refused(Refusal),
    /// Of no use here; to be skipped.
    Other,
}

impl OptionReply {
    pub(crate) fn decode(bytes: &[u8; OPTION_REPLY], asked: OptionCode) -> Result<Self, Violation> {
        let mut cursor = Cursor(bytes);
        if cursor.u64()? != OPTION_REPLY_MAGIC {
            return Err(Violation::OptionReply);
        }
        if cursor.u32()? != asked as u32 {
            return Err(Violation::OtherOption);
        }
        let kind = match cursor.u32()? {
            REPLY_ACK => ReplyKind::Ack,
            REPLY_INFO => ReplyKind::Info,
            REPLY_META_CONTEXT => ReplyKind::MetaContext,
            code if code & REPLY_ERROR != 0 => ReplyKind::Refused(Refusal::from_code(code)),
            _ => ReplyKind::Other,
        };
        Ok(Self { kind, length: cursor.u32()? })
    }
}

/// A piece of information about an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Info {
    /// Bytes of the volume.
    Export(u64),
    BlockSizes(BlockSizes),
    /// Of no use here.
    Other,
}

/// What requests must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockSizes {
    /// Offsets and lengths are multiples of this; a power of two, at most 64 KiB.
    pub(crate) min: u32,
    /// Bytes of the largest read; a multiple of `min`.
    pub(crate) max: u32,
}

impl Default for BlockSizes {
    fn default() -> Self {
        Self { min: DEFAULT_MIN, max: DEFAULT_MAX }
    }
}

pub(crate) fn info(payload: &[u8]) -> Result<Info, Violation> {
    let mut cursor = Cursor(payload);
    match cursor.u16()? {
        INFO_EXPORT => size(cursor.u64()?).map(Info::Export),
        INFO_BLOCK_SIZE => {
            let (min, _preferred, max) = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
            if !min.is_power_of_two() || min > MAX_MIN || max < min {
                return Err(Violation::BlockSizes);
            }
            Ok(Info::BlockSizes(BlockSizes { min, max: max - max % min }))
        }
        _ => Ok(Info::Other),
    }
}

/// The size of the volume, from the answer to [`export_name`].
pub(crate) fn export_reply(bytes: &[u8; EXPORT_REPLY]) -> Result<u64, Violation> {
    size(Cursor(bytes).u64()?)
}

fn size(size: u64) -> Result<u64, Violation> {
    if size > MAX_SIZE { Err(Violation::Size { size }) } else { Ok(size) }
}

/// A server's own words, made fit for a log line: bounded, without control characters.
pub(crate) fn clean_text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect()
}
