//! Segments, index, space, mirroring and crash recovery: sealed chunks by digest.

mod apply;
mod batch;
mod checkpoint;
mod commit;
mod create;
mod error;
mod filling;
mod index;
mod keys;
mod load;
mod log;
mod mark;
mod members;
mod open;
mod planted;
mod probe;
mod queue;
mod read;
mod reclaim;
mod recovered;
mod replay;
mod retired;
mod scrub;
mod segments;
mod space;
mod store;
mod structures;
#[cfg(test)]
mod tests;
mod uses;
mod writer;

pub use batch::RecordView;
pub use create::{MAX_DISKS, PoolLayout, SLABS};
pub use error::{Result, StoreError};
pub use index::MAX_BYTES_PER_RECORD;
pub use mark::Marked;
pub use open::{OpenOptions, Opened};
pub use read::StoredRecord;
pub use reclaim::{Moving, Reclaim, ReclaimOptions, ReclaimPlan, Reclaimed, Reclaiming, Resealer};
pub use scrub::Scrubbed;
pub use store::{DiskStatus, Entropy, Journal, PoolStatus, Store};
pub use uses::Lease;
pub use writer::{Commitment, NewRecord, RecordPlace, SegmentWriter, WriterKeys};
