//! What is known of a disk.

use model::Span;

use super::Reading;

/// A disk of the pool, or one that is in the place of one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DiskFacts {
    /// Serial number, or the path of a file: what a person finds the disk by.
    pub name: String,
    /// Which slot of the box it is in.
    pub place: Option<String>,
    pub presence: Option<Presence>,
    /// Whether it takes too long for requests.
    pub slow: Option<Slow>,
    /// Absent: files and virtual disks have no SMART.
    pub smart: Reading<Smart>,
}

/// What a disk is to the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// It holds what it should.
    Whole,
    /// It is being brought up to date.
    Syncing,
    Missing,
    /// It is there and refuses to work.
    Failed {
        error: String,
    },
    /// It is back and lacks what was written meanwhile.
    Stale {
        away: Option<Span>,
    },
    /// It is no disk of this pool.
    Foreign,
}

/// How long a disk takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slow {
    /// Of its slowest one in a hundred requests of late, in milliseconds.
    pub latency_ms: u32,
}

/// What a disk says of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Smart {
    /// Its own overall verdict is that it fails.
    pub failing: bool,
    pub reallocated: u64,
    pub pending: u64,
    pub uncorrectable: u64,
    /// Per cent of the rated writes that are used; may pass 100. `None` for disks that do not
    /// wear by writing.
    pub wear_percent: Option<u8>,
    pub celsius: Option<i16>,
    /// The most that its maker allows.
    pub celsius_max: Option<i16>,
}
