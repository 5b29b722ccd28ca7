//! What a caller of the store has to decide about.

use std::sync::Arc;

use disk::DiskError;
use format::FormatError;
use model::{Bytes, Digest, DiskId, PoolId, SegmentId, Sequence, TenantId};

/// Why the store could not do something. Nothing that was acknowledged is lost by any of these.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// A disk failed and no other copy could stand in.
    #[error(transparent)]
    Disk(Arc<DiskError>),
    /// None of the disks carries a superblock.
    #[error("{disk} is not a Holdfast disk")]
    NotAPool { disk: String },
    /// A newer Holdfast wrote this, or the superblock is impossible.
    #[error("{disk}: {source}")]
    Unreadable { disk: String, source: FormatError },
    /// A newer Holdfast set a feature that one must know to write. Reading works.
    #[error("the pool has features {bits:#x} that this Holdfast can read but not write")]
    ReadableOnly { bits: u64 },
    /// The disks belong to different pools.
    #[error("{disk} belongs to pool {found}, not to pool {expected}")]
    ForeignDisk { disk: String, found: PoolId, expected: PoolId },
    /// The same disk was named twice.
    #[error("{disk} was named twice")]
    SameDisk { disk: String },
    /// A disk of the pool was not given, and leaving it out was not allowed.
    #[error("disk {missing} of the pool is missing")]
    MissingDisk { missing: DiskId },
    /// A disk was left behind while the pool went on without it, or has lost what it was told last:
    /// both copies of its newest superblock, or the log.
    #[error("{disk} is stale: it lacks what the pool has written since")]
    StaleDisk { disk: String },
    /// A disk was taken out of its pool for good. What it holds can be read, without the others.
    #[error("{disk} was taken out of its pool")]
    LeftThePool { disk: String },
    /// Each of the disks went on without the other.
    #[error("the disks went on without each other; each may hold what the other lacks")]
    SplitRun,
    /// A disk that has not got everything yet is there without those that have it.
    #[error("{disk} is still being filled and lacks {segments} segments")]
    Incomplete { disk: String, segments: usize },
    /// Something is on a disk that was to be written, and nobody said that it may go.
    #[error("{disk} is not empty")]
    NotEmpty { disk: String },
    /// The disk is a member of this pool and is not overwritten.
    #[error("{disk} is a disk of this pool")]
    OwnDisk { disk: String },
    /// The disk is none that the pool left behind.
    #[error("{disk} is no disk that this pool left behind")]
    NotLeftBehind { disk: String },
    /// The pool has no member of this number, or none that the request could be about.
    #[error("the pool has no member {member} for that")]
    NoMember { member: usize },
    /// Another disk was in this place since the pool was opened, or still is.
    #[error("member {member} is in service")]
    InService { member: usize },
    /// The pool takes no more disks than it has.
    #[error("the pool has {disks} disks and takes no more")]
    EnoughDisks { disks: usize },
    /// No other disk has everything.
    #[error("no other disk has all of the pool")]
    LastCopy,
    /// The disk did not take what was written to it.
    #[error("{disk} failed and was left behind")]
    LeftBehind { disk: String },
    /// The disk cannot hold the smallest store.
    #[error("{disk} is too small: {} of at least {}", Bytes(*bytes), Bytes(*needed))]
    TooSmall { disk: String, bytes: u64, needed: u64 },
    /// The disk is shorter than when the pool was created.
    #[error("{disk} has {} of the {} it was created with", Bytes(*bytes), Bytes(*needed))]
    Truncated { disk: String, bytes: u64, needed: u64 },
    /// No space is left for new data. Reading goes on.
    #[error("the pool is full")]
    Full,
    /// No record has this digest.
    #[error("no record {digest}")]
    Unknown { digest: Digest },
    /// A record is there but no copy of it is intact.
    #[error("record {digest} in segment {segment} is damaged on every disk")]
    Damaged { digest: Digest, segment: SegmentId },
    /// A structure is damaged on every disk.
    #[error("{structure} is damaged on every disk")]
    DamagedStructure { structure: &'static str },
    /// A durable log record is damaged in every copy; what it said cannot be known.
    #[error("log record {sequence} was durable and is damaged in every copy")]
    DamagedLog { sequence: Sequence },
    /// The pool was opened without permission to write.
    #[error("the pool was opened read-only")]
    ReadOnly,
    /// A write failed before; the pool must be opened again.
    #[error("the pool stopped writing after an earlier failure")]
    Stopped,
    /// Records of a tenant cannot be moved without its keys.
    #[error("no keys for tenant {tenant}")]
    NoKeys { tenant: TenantId },
    /// A disk no longer has everything, and the place beside the disks where that is kept did not
    /// take it.
    #[error("it cannot be kept which disks have everything")]
    Unwitnessed,
    /// It was asked to stop. What it did until then stands.
    #[error("interrupted")]
    Interrupted,
    /// The event or record is larger than the format allows.
    #[error("{what} of {bytes} bytes is over the limit of {limit}")]
    TooLarge { what: &'static str, bytes: usize, limit: usize },
}

impl From<DiskError> for StoreError {
    fn from(error: DiskError) -> Self {
        Self::Disk(Arc::new(error))
    }
}

/// Result of a store operation.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;
