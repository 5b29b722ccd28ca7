//! Magic numbers, codes and bits of the protocol.

/// First eight bytes of every server.
pub(super) const MAGIC: u64 = u64::from_be_bytes(*b"NBDMAGIC");
/// Second eight bytes of a newstyle server, and first of every option.
pub(super) const OPTION_MAGIC: u64 = u64::from_be_bytes(*b"IHAVEOPT");
/// Second eight bytes of a server from before 2011, which names no exports.
pub(super) const OLDSTYLE_MAGIC: u64 = 0x0000_4202_8186_1253;
pub(super) const OPTION_REPLY_MAGIC: u64 = 0x0003_e889_0455_65a9;
pub(super) const REQUEST_MAGIC: u32 = 0x2560_9513;
pub(super) const SIMPLE_MAGIC: u32 = 0x6744_6698;
pub(super) const STRUCTURED_MAGIC: u32 = 0x668e_33ef;

/// Both for the server's and for the client's flags of the handshake.
pub(super) const FIXED_NEWSTYLE: u16 = 1 << 0;
pub(super) const NO_ZEROES: u16 = 1 << 1;

/// Types of option replies.
pub(super) const REPLY_ACK: u32 = 1;
pub(super) const REPLY_INFO: u32 = 3;
pub(super) const REPLY_META_CONTEXT: u32 = 4;
/// Set in the types that refuse an option.
pub(super) const REPLY_ERROR: u32 = 1 << 31;

/// Types of information about an export.
pub(super) const INFO_EXPORT: u16 = 0;
pub(super) const INFO_BLOCK_SIZE: u16 = 3;

pub(super) const COMMAND_READ: u16 = 0;
pub(super) const COMMAND_DISCONNECT: u16 = 2;
pub(super) const COMMAND_BLOCK_STATUS: u16 = 7;

/// Set in the last chunk of a structured reply.
pub(super) const CHUNK_DONE: u16 = 1 << 0;
pub(super) const CHUNK_NONE: u16 = 0;
pub(super) const CHUNK_DATA: u16 = 1;
pub(super) const CHUNK_HOLE: u16 = 2;
pub(super) const CHUNK_STATUS: u16 = 5;
/// Set in the types of chunks that report an error.
pub(super) const CHUNK_ERROR: u16 = 1 << 15;

/// The metadata context that tells what is allocated and what is zero.
pub(super) const BASE_ALLOCATION: &str = "base:allocation";
/// In `base:allocation`: reads as zeroes. The other bit, a hole, promises nothing about contents.
pub(super) const STATE_ZERO: u32 = 1 << 1;

/// What stands before the name of a dirty bitmap in its metadata context, as QEMU has it.
pub(super) const DIRTY_BITMAP: &str = "qemu:dirty-bitmap:";
/// In it: was written.
pub(super) const STATE_DIRTY: u32 = 1 << 0;

/// Bytes of an export name: the limit of the protocol for any text.
pub(crate) const MAX_NAME: usize = 4096;
