//! Aligned buffers, block devices and files over io_uring, and the simulated disk.
//!
//! One narrow asynchronous trait, [`Disk`], with three implementations behind it: a ring per disk
//! ([`Backend::Uring`]), a few threads per disk ([`Backend::Threads`]) and [`sim`]. One set of
//! tests holds all of them to the same contract. This is the only crate with unsafe code; it sits
//! in `memory` (who owns a range of bytes), `uring::buffers` (what the kernel may touch) and
//! `open::geometry` (two ioctls).
//!
//! Memory in flight is bounded by [`BufferPool`], requests by the queue of each disk. After an
//! error of a transfer a disk goes on; after a failed flush, or a bug in its thread, it is out of
//! service ([`DiskError::Failed`]) until it is opened again.

mod buffer;
mod disk;
mod error;
mod fence;
mod memory;
mod open;
mod planted;
mod pool;
mod queue;
#[cfg(feature = "schedules")]
pub mod schedules;
pub mod sim;
mod sync;
#[cfg(test)]
mod tests;
mod threads;
mod uring;

pub use buffer::{Buffer, SharedBuffer};
pub use disk::{Access, Backend, Disk, DiskFuture};
pub use error::{DiskError, FailReason, Operation};
pub use open::{create_file, open};
pub use pool::BufferPool;
