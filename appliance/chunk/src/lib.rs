//! Cut a disk image or a stream into chunks, name each by its digest, and find what changed since
//! the parent recovery point. Pure.

mod cut;
mod diff;
mod name;
mod stream;
mod tag;

pub use cut::{AVERAGE_BLOCKS, Cut, Cuts, MAX_BLOCKS, MIN_BLOCKS, RANGE_MAX, cut};
pub use diff::{Run, runs};
pub use name::{DATA_KIND, Namer};
pub use stream::{STREAM_MAX, STREAM_MIN, STREAM_USUAL, StreamKey};
pub use tag::TagKey;
