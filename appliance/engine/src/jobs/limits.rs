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

    /// The memory that a job takes at most, in MiB, with so many processors: as measured, with a
    /// reserve of a fifth.
    pub(crate) fn memory_mib(self, processors: u64) -> u64 {
        match self {
            Self::Ingest => 48 * (processors.min(7) + 1),
            Self::Restore => 24 * (processors + 4),
            Self::Resync | Self::Upkeep => 96,
        }
    }

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

/// Jobs that run at once, by class, and what they may take together. Of each class one may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    pub(crate) restores: usize,
    pub(crate) ingests: usize,
    pub(crate) upkeep: usize,
    /// Memory of all jobs, in MiB. More wait until others end; one alone may take more. What a
    /// restore takes is left to restores.
    pub(crate) memory_mib: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { restores: 4, ingests: 4, upkeep: 2, memory_mib: 1536 }
    }
}

impl Limits {
    /// As the plan wants it, where it says so.
    pub(crate) fn with(self, plan: &plan::Limits) -> Self {
        let (restores, ingests) = (usize::from(plan.restores), usize::from(plan.ingests));
        Self { restores, ingests, ..self }
    }

    /// What jobs up to this class may take together, in MiB.
    pub(crate) fn memory_for(&self, class: Class, processors: u64) -> u64 {
        match class {
            Class::Restore => self.memory_mib,
            _ => self.memory_mib.saturating_sub(Class::Restore.memory_mib(processors)),
        }
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
