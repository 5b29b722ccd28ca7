//! The read path: a recovery point becomes bytes again.
//!
//! [`RestorePoint`] opens a recovery point; [`restore`] gives a whole volume back with all cores,
//! [`restore_stream`] a stream; [`VolumeImage`] reads a volume anywhere, through a bounded cache,
//! for exports; [`broken_points`] tells what damage has cost.

mod cache;
mod fetching;
mod file;
mod image;
mod leaf;
mod missing;
mod planted;
mod point;
mod restore;
#[cfg(all(test, feature = "schedules"))]
mod schedules;
mod stream;
mod sync;
mod tags;
mod target;

pub use file::FileTarget;
pub use image::{ImageExtent, VolumeImage};
pub use missing::{Broken, Depth, MISSING_RANGES, VolumeRange, broken_points};
pub use point::RestorePoint;
pub use restore::restore;
pub use stream::restore_stream;
pub use target::{Discard, DiskTarget, PipeTarget, Target};
