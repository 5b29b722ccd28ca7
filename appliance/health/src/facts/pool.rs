//! What is known of the pool.

use model::{Bytes, PointId, Span};

use super::Reading;

/// The pool, as far as it is open.
#[derive(Debug, Clone, PartialEq)]
pub enum PoolFacts {
    Open(OpenPool),
    /// Its disks are there, no key is.
    Locked,
    NotOpenable {
        error: String,
    },
}

/// An open pool.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OpenPool {
    /// Disks that hold everything.
    pub whole: Option<u16>,
    /// Disks that should: one of a pool that was made of one disk.
    pub disks: u16,
    /// A disk that is being brought up to date; absent when none is.
    pub resync: Reading<Progress>,
    pub integrity: Option<Integrity>,
    pub space: Option<Space>,
    pub kit_proved: Option<bool>,
}

/// How far a copying is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub done: Bytes,
    pub all: Bytes,
}

/// What openings, scrubs and reads have found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Integrity {
    /// Why the log could not be read to its end.
    pub log_error: Option<String>,
    /// Records that no disk holds whole.
    pub damaged: u64,
    /// Recovery points that cannot be given back whole, by system.
    pub lost: Vec<LostPoints>,
    /// How long ago the index had to be rebuilt from segments.
    pub index_rebuilt: Option<Span>,
    /// What was healed since the last restart, by disk.
    pub healed: Vec<Healed>,
}

/// Recovery points of a system that are lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostPoints {
    pub system: String,
    pub client: Option<String>,
    pub points: Vec<PointId>,
}

/// Damage on one disk that another could heal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Healed {
    pub disk: String,
    /// Records that were healed within the last day.
    pub records: u64,
}

/// The room of a pool.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Space {
    pub total: Bytes,
    pub free: Bytes,
    /// What a reclaim would give back.
    pub reclaimable: Option<Bytes>,
    /// Days of running time until it is full; `None` when nothing grows or too little is known.
    pub days_until_full: Option<f64>,
    /// New recovery points are refused for want of room.
    pub refuses: bool,
}
