//! What goes before what, and how many at once.

use serde::{Deserialize, Serialize};

/// What kind of claim a job has on disks and processors, most urgent first: a restore goes over
/// an ingest, and that over what keeps the pool in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Class {
    Restore,
    Ingest,
    /// Copies for a disk that lacks some: until then one failure more loses data.
    Resync,
    Upkeep,
}

impl Class {
    pub(crate) const ALL: [Self; 4] = [Self::Restore, Self::Ingest, Self::Resync, Self::Upkeep];

    /// The nice value of threads that work for it. What the kernel gives each of several threads
    /// that want a processor is as 1024 : 110 : 36 : 15 (`sched_prio_to_weight` in Linux).
    pub(crate) fn nice(self) -> i32 {
        match self {
            Self::Restore => 0,
            Self::Ingest => 10,
            Self::Resync => 15,
            Self::Upkeep => 19,
        }
    }
}

/// Jobs that run at once, by class. Each is at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    pub(crate) restores: usize,
    pub(crate) ingests: usize,
    pub(crate) upkeep: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { restores: 4, ingests: 4, upkeep: 2 }
    }
}

impl Limits {
    /// As the plan wants it, where it says so.
    pub(crate) fn with(self, plan: &plan::Limits) -> Self {
        let (restores, ingests) = (usize::from(plan.restores), usize::from(plan.ingests));
        Self { restores, ingests, ..self }
    }

    pub(crate) fn of(&self, class: Class) -> usize {
        let limit = match class {
            Class::Restore => self.restores,
            Class::Ingest => self.ingests,
            Class::Resync => 1,
            Class::Upkeep => self.upkeep,
        };
        limit.max(1)
    }
}
