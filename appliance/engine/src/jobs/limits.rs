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

    /// The memory that a job is counted with, in MiB, with so many processors: an upper estimate,
    /// so that a bound holds on other machines too.
    ///
    /// A worker of an ingest has buffers of 20 MiB (its range of 16, and what it compresses), one
    /// of a restore has 16 (its range). An ingest has a worker more than processors, eight at most,
    /// a restore four more. The rest is for what is on its way to or from disks, for leaves of
    /// manifests, and for what the allocator keeps. With all else that the engine takes, 6 ingests
    /// and 2 restores at 2 processors took 390 to 610 MiB; counted they are 1,152.
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

/// Jobs that run at once, by class, and what they may take together. A class whose number is 0 has
/// one all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    pub(crate) restores: usize,
    pub(crate) ingests: usize,
    pub(crate) upkeep: usize,
    /// Memory of all jobs, in MiB as [`Class::memory_mib`] counts it; without it there is no bound
    /// but the numbers above. What all restores and a resync take is left to them, so that none
    /// ever waits for an ingest. Ingests and upkeep share the rest: more of them wait until others
    /// end. One of them alone runs, however little is left.
    pub(crate) memory_mib: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { restores: 4, ingests: 4, upkeep: 2, memory_mib: None }
    }
}

impl Limits {
    /// As the plan wants it, where it says so.
    pub(crate) fn with(self, plan: &plan::Limits) -> Self {
        let (restores, ingests) = (usize::from(plan.restores), usize::from(plan.ingests));
        Self { restores, ingests, ..self }
    }

    /// Whether one more job may begin beside those that have `taken` memory, in MiB each.
    pub(crate) fn have_room(
        &self,
        taken: &[(Class, u64)],
        (class, wants): (Class, u64),
        processors: u64,
    ) -> bool {
        const URGENT: [Class; 2] = [Class::Restore, Class::Resync];
        let Some(memory) = self.memory_mib.filter(|_| !URGENT.contains(&class)) else {
            return true;
        };
        let kept = URGENT.map(|class| self.of(class) as u64 * class.memory_mib(processors));
        let others = taken.iter().filter(|(class, _)| !URGENT.contains(class));
        let others: u64 = others.map(|(_, took)| took).sum();
        others == 0 || others + wants <= memory.saturating_sub(kept.iter().sum())
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
