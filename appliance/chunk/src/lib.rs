//! Cut a disk image into chunks, name each by its digest, and find what changed since the parent
//! recovery point. Pure.

mod cut;
mod diff;
mod name;
mod tag;

pub use cut::{AVERAGE_BLOCKS, Cut, Cuts, MAX_BLOCKS, MIN_BLOCKS, RANGE_MAX, cut};
pub use diff::{Run, runs};
pub use name::{DATA_KIND, Namer};
pub use tag::TagKey;
