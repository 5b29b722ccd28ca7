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

    /// Whether one more job may begin beside those that have `taken` memory, in MiB each. One alone
    /// always may.
    pub(crate) fn have_room(
        &self,
        taken: &[(Class, u64)],
        (class, wants): (Class, u64),
        processors: u64,
    ) -> bool {
        let all: u64 = taken.iter().map(|(_, took)| took).sum();
        if all == 0 {
            return true;
        }
        let others = taken.iter().filter(|(class, _)| *class != Class::Restore);
        let others: u64 = others.map(|(_, took)| took).sum();
        let kept = self.memory_mib.saturating_sub(Class::Restore.memory_mib(processors));
        let fits_beside = class == Class::Restore || others == 0 || others + wants <= kept;
        fits_beside && all + wants <= self.memory_mib
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
