//! How long a machine has run.

use crate::WallTime;

/// A moment in the life of a machine, by clocks that nobody can set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uptime {
    /// Different for every start of every machine.
    pub boot: [u8; 16],
    /// Seconds since that start.
    pub seconds: u64,
    /// What time it is, if servers that prove who they are have told it.
    pub proven: Option<WallTime>,
}
