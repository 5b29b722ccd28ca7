//! The nouns of Holdfast: ids, digests, sizes, times, policies, priorities. No I/O, no async.

mod consistency;
mod digest;
mod fingerprint;
mod hex;
mod id;
mod period;
mod policy;
mod priority;
mod size;
mod span;
mod tag;
mod time;
mod uptime;

pub use consistency::Consistency;
pub use digest::Digest;
pub use fingerprint::Fingerprint;
pub use hex::HexError;
pub use id::{DataKeyId, DiskId, Epoch, PointId, PoolId, SegmentId, Sequence, SystemId, TenantId};
pub use period::Period;
pub use policy::{DEFAULT_DELAY, Policy};
pub use priority::Priority;
pub use size::{BLOCK, BLOCK_U64, Bytes, blocks_for, parse_bytes};
pub use span::{Span, parse_span};
pub use tag::BlockTag;
pub use time::{Date, WallTime};
pub use uptime::Uptime;
