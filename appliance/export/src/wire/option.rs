//! The option phase: what a client asks for before it reads and writes, and the replies to it.

use super::Cursor;
use super::numbers::{
    GREETING_MAGIC, MAX_NAME, OPTION_MAGIC, OPTION_REPLY_MAGIC, handshake, info, option_reply,
};

/// The first bytes on a connection, from the server.
pub(crate) fn greeting() -> [u8; 18] {
    let mut bytes = [0; 18];
    let flags = handshake::FIXED_NEWSTYLE | handshake::NO_ZEROES;
    let parts = GREETING_MAGIC.to_be_bytes().into_iter().chain(OPTION_MAGIC.to_be_bytes());
    for (to, from) in bytes.iter_mut().zip(parts.chain(flags.to_be_bytes())) {
        *to = from;
    }
    bytes
}

/// The client's answer to the greeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClientFlags {
    pub(crate) fixed_newstyle: bool,
    pub(crate) no_zeroes: bool,
}

impl ClientFlags {
    /// Nothing if a flag is set that the server did not offer.
    pub(crate) fn parse(bytes: [u8; 4]) -> Option<Self> {
        let flags = u32::from_be_bytes(bytes);
        let fixed = u32::from(handshake::FIXED_NEWSTYLE);
        let no_zeroes = u32::from(handshake::NO_ZEROES);
        (flags & !(fixed | no_zeroes) == 0).then_some(Self {
            fixed_newstyle: flags & fixed != 0,
            no_zeroes: flags & no_zeroes != 0,
        })
    }
}

/// What stands in front of every option's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OptionHeader {
    pub(crate) code: OptionCode,
    /// Bytes of data that follow.
    pub(crate) length: u32,
}

impl OptionHeader {
    pub(crate) const SIZE: usize = 16;

    /// Nothing if the magic number is wrong.
    pub(crate) fn parse(bytes: &[u8; Self::SIZE]) -> Option<Self> {
        let mut from = Cursor(bytes);
        (from.u64()? == OPTION_MAGIC).then_some(())?;
        Some(Self { code: OptionCode(from.u32()?), length: from.u32()? })
    }
}

/// An option's number; replies repeat it, also when it is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OptionCode(pub(crate) u32);

impl OptionCode {
    pub(crate) const EXPORT_NAME: Self = Self(1);
    pub(crate) const ABORT: Self = Self(2);
    pub(crate) const LIST: Self = Self(3);
    pub(crate) const START_TLS: Self = Self(5);
    pub(crate) const INFO: Self = Self(6);
    pub(crate) const GO: Self = Self(7);
    pub(crate) const STRUCTURED_REPLY: Self = Self(8);
    pub(crate) const LIST_META_CONTEXT: Self = Self(9);
    pub(crate) const SET_META_CONTEXT: Self = Self(10);
}

/// Data of `INFO` and `GO`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InfoRequest<'a> {
    pub(crate) name: &'a str,
    /// Whether the client wants to know block sizes, and so will keep to them.
    pub(crate) block_size: bool,
}

impl<'a> InfoRequest<'a> {
    /// Nothing if the lengths in the data do not add up, or the name is none.
    pub(crate) fn parse(data: &'a [u8]) -> Option<Self> {
        let mut from = Cursor(data);
        let name = string(&mut from)?;
        let count = from.u16()?;
        let mut block_size = false;
        for _ in 0..count {
            block_size |= from.u16()? == info::BLOCK_SIZE;
        }
        from.is_empty().then_some(Self { name, block_size })
    }
}

/// Data of `LIST_META_CONTEXT` and `SET_META_CONTEXT`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MetaRequest<'a> {
    pub(crate) name: &'a str,
    pub(crate) queries: Vec<&'a str>,
}

impl<'a> MetaRequest<'a> {
    /// Nothing if the lengths in the data do not add up, or a string is none.
    pub(crate) fn parse(data: &'a [u8]) -> Option<Self> {
        let mut from = Cursor(data);
        let name = string(&mut from)?;
        let count = from.u32()?;
        // Every query takes four bytes at least: the data's own length bounds the list.
        let mut queries = Vec::new();
        for _ in 0..count {
            queries.push(string(&mut from)?);
        }
        from.is_empty().then_some(Self { name, queries })
    }
}

fn string<'a>(from: &mut Cursor<'a>) -> Option<&'a str> {
    let length = usize::try_from(from.u32()?).ok()?;
    (length <= MAX_NAME).then_some(())?;
    let text = std::str::from_utf8(from.bytes(length)?).ok()?;
    (!text.contains('\0')).then_some(text)
}

/// Why an option is not granted, by the protocol's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Refusal {
    Unsupported = (1 << 31) + 1,
    Policy = (1 << 31) + 2,
    Invalid = (1 << 31) + 3,
    TlsRequired = (1 << 31) + 5,
    UnknownExport = (1 << 31) + 6,
}

/// Sizes that requests should keep to, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockSizes {
    pub(crate) minimum: u32,
    pub(crate) preferred: u32,
    /// The longest payload of one request or reply.
    pub(crate) maximum: u32,
}

/// The replies to one option, in the order that they are added.
#[derive(Debug)]
pub(crate) struct OptionReplies {
    option: OptionCode,
    bytes: Vec<u8>,
}

impl OptionReplies {
    pub(crate) fn to(option: OptionCode) -> Self {
        Self { option, bytes: Vec::new() }
    }

    /// The option is granted: the last reply.
    pub(crate) fn acknowledge(mut self) -> Vec<u8> {
        self.add(option_reply::ACK, &[]);
        self.bytes
    }

    /// The option is not granted: the last reply.
    pub(crate) fn refuse(mut self, refusal: Refusal) -> Vec<u8> {
        self.add(refusal as u32, &[]);
        self.bytes
    }

    /// One export of a list.
    pub(crate) fn export(&mut self, name: &str) {
        let length = u32::try_from(name.len()).unwrap_or(0);
        self.add(option_reply::SERVER, &[&length.to_be_bytes(), name.as_bytes()]);
    }

    /// Size and flags of the export that was asked for.
    pub(crate) fn export_info(&mut self, size: u64, flags: u16) {
        let kind = info::EXPORT.to_be_bytes();
        self.add(option_reply::INFO, &[&kind, &size.to_be_bytes(), &flags.to_be_bytes()]);
    }

    pub(crate) fn block_sizes(&mut self, sizes: BlockSizes) {
        let kind = info::BLOCK_SIZE.to_be_bytes();
        let [minimum, preferred, maximum] =
            [sizes.minimum, sizes.preferred, sizes.maximum].map(u32::to_be_bytes);
        self.add(option_reply::INFO, &[&kind, &minimum, &preferred, &maximum]);
    }

    pub(crate) fn meta_context(&mut self, id: u32, name: &str) {
        self.add(option_reply::META_CONTEXT, &[&id.to_be_bytes(), name.as_bytes()]);
    }

    fn add(&mut self, kind: u32, parts: &[&[u8]]) {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(&OPTION_REPLY_MAGIC.to_be_bytes());
        for number in [self.option.0, kind, length] {
            self.bytes.extend_from_slice(&number.to_be_bytes());
        }
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
    }
}

/// The reply to `EXPORT_NAME`, which has a form of its own.
pub(crate) fn export_name_reply(size: u64, flags: u16, no_zeroes: bool) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(134);
    bytes.extend_from_slice(&size.to_be_bytes());
    bytes.extend_from_slice(&flags.to_be_bytes());
    if !no_zeroes {
        bytes.resize(134, 0);
    }
    bytes
}
