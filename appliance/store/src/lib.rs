//! Segments, index, space, mirroring and crash recovery: sealed chunks by digest.

mod admit;
mod apply;
mod arrange;
mod batch;
mod checkpoint;
mod commit;
mod copying;
mod create;
mod duty;
mod emptying;
mod error;
mod filling;
mod following;
mod index;
mod keys;
mod load;
mod locality;
mod log;
mod mark;
mod members;
mod moving;
mod open;
mod parts;
mod planted;
mod probe;
mod queue;
mod read;
mod read_back;
mod reclaim;
mod recovered;
mod replay;
mod resync;
mod retired;
mod scrub;
mod scrubbing;
mod segments;
mod space;
mod squeezing;
mod store;
mod structures;
#[cfg(test)]
mod tests;
mod uses;
mod victims;
mod walk;
mod writer;

pub use admit::{Admission, MemberState, MemberStatus};
pub use arrange::Arranged;
pub use batch::RecordView;
pub use create::{MAX_DISKS, PoolLayout, SLABS};
pub use duty::{Duty, Pacer, PacerFuture};
pub use error::{Result, StoreError};
pub use index::MAX_BYTES_PER_RECORD;
pub use locality::Locality;
pub use mark::Marked;
pub use open::{OpenOptions, Opened};
pub use read::StoredRecord;
pub use reclaim::{
    Marking, Moving, Reclaim, ReclaimOptions, ReclaimPlan, Reclaimed, Reclaiming, Resealer,
};
pub use resync::Resynced;
pub use scrub::Scrubbed;
pub use scrubbing::{ScrubPlace, ScrubRun, ScrubWhat};
pub use store::{DiskStatus, Entropy, Journal, PoolStatus, Store};
pub use uses::Lease;
pub use writer::{Commitment, NewRecord, RecordPlace, SegmentWriter, WriterKeys};
