//! What reports are made of.

use bus::{AlertView, DiskView, JobView, PointView, PoolView, SystemView};
use plan::Plan;
use serde::{Deserialize, Serialize};

use crate::{Notice, RestoreRequest};

/// Everything that is known when reports are made. Times are seconds since 1970 in UTC.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Name of the appliance, for people.
    pub appliance: String,
    /// The time now.
    pub now: u64,
    /// The plan in force, as `ExportPlan` gives it.
    pub plan: Plan,
    pub systems: Vec<SystemView>,
    pub points: Vec<PointView>,
    /// Also jobs that the bus no longer shows, if somebody kept their last view.
    pub jobs: Vec<JobView>,
    /// So too for alerts that are over.
    pub alerts: Vec<AlertRecord>,
    pub disks: Vec<DiskView>,
    pub pool: Option<PoolView>,
    pub requests: Vec<RestoreRequest>,
    pub notices: Vec<Notice>,
    pub contracts: Vec<Contract>,
    /// Readings of what clients use, about one a day.
    pub usage: Vec<Usage>,
    pub work: Vec<Work>,
}

/// An alert with what the bus does not say of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AlertRecord {
    /// As it was shown last.
    pub alert: AlertView,
    /// When somebody took it on.
    pub acknowledged_at: Option<u64>,
    /// When it was over.
    pub cleared_at: Option<u64>,
}

/// What was agreed with a client. What was not agreed is left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Contract {
    pub client: String,
    /// Name of the tier, as in `gold`.
    pub tier: String,
    /// Most protected systems.
    pub systems: Option<u64>,
    /// Most bytes of their volumes, added up.
    pub source_bytes: Option<u64>,
    /// Most bytes that their recovery points take in the store.
    pub stored_bytes: Option<u64>,
    /// At least so many days recovery points reach back.
    pub retention_days: Option<u64>,
    /// Most work a month, in seconds.
    pub work_seconds: Option<u64>,
}

/// What a client used at one time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    pub client: String,
    pub at: u64,
    pub systems: u64,
    pub source_bytes: u64,
    pub stored_bytes: u64,
}

/// Work that somebody did for a client.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Work {
    pub client: String,
    /// When it began.
    pub at: u64,
    pub seconds: u64,
    pub by: String,
    pub what: String,
    /// Number in the ticket system; empty if there is none.
    pub ticket: String,
}
