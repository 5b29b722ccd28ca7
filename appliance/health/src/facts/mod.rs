//! Facts: what is known of the appliance, as plain values that a caller fills as far as it can.
//!
//! What is not known stays unknown and never looks healthy: `None`, or [`Reading::Unknown`] where
//! a thing may also not be there at all. Spans are of running time unless they say otherwise, and
//! count back from now: facts have no clock.

mod disks;
mod jobs;
mod machine;
mod offsite;
mod pool;
mod systems;

pub use disks::{DiskFacts, Presence, Slow, Smart};
pub use jobs::{Ended, JobFacts, JobState, MaintenanceFacts, MaintenanceKind};
pub use machine::{
    CertificateFacts, ClockFacts, Fan, Jump, MachineFacts, Memory, Restarts, Sensor, UpsFacts,
    UpsState, Uptimes, Validity,
};
pub use offsite::{AlertingFacts, Channel, ChannelState, Lag, Line, VaultFacts, WarningClass};
pub use pool::{Healed, Integrity, LostPoints, OpenPool, PoolFacts, Progress, Space};
pub use systems::{Due, Suspect, SystemFacts, Unverified};

/// What a probe gave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reading<T> {
    /// Nothing: it was not asked, or did not answer.
    #[default]
    Unknown,
    /// That there is no such thing here, and none is wanted.
    Absent,
    Known(T),
}

impl<T> Reading<T> {
    /// The value, if there is one and it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown | Self::Absent => None,
        }
    }

    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }
}

/// Everything that a verdict rests on. The default knows nothing, and is not healthy.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// All disks that belong to the pool, and others that are in its places.
    pub disks: Option<Vec<DiskFacts>>,
    pub pool: Option<PoolFacts>,
    pub machine: MachineFacts,
    /// Absent: the box has no UPS, and is not meant to have one.
    pub ups: Reading<Vec<UpsFacts>>,
    pub clock: Option<ClockFacts>,
    pub certificates: Option<Vec<CertificateFacts>>,
    /// The newest run of each job.
    pub jobs: Option<Vec<JobFacts>>,
    pub systems: Option<Vec<SystemFacts>>,
    pub maintenance: Option<Vec<MaintenanceFacts>>,
    /// Absent: nothing goes offsite.
    pub vaults: Reading<Vec<VaultFacts>>,
    pub alerting: Option<AlertingFacts>,
}
