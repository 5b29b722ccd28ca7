//! What a job does.

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use bus::{ReclaimOptions, ScrubOptions};
use model::Span;
use operations::{Domain, Reclaim};
use serde::{Deserialize, Serialize};

use super::limits::Class;

/// What is to be done, with all that it needs. It is kept over restarts of the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Work {
    Ingest {
        system: String,
        volume: String,
        source: String,
        /// Compare with no earlier point.
        #[serde(default)]
        full: bool,
    },
    /// An ingest of disks of a machine that runs, through the QMP socket of its QEMU.
    Pull {
        system: String,
        socket: PathBuf,
        /// All of the machine's without any.
        #[serde(default)]
        disks: Vec<String>,
        /// That are left out.
        #[serde(default)]
        excluded: Vec<String>,
        /// Of the agent in its guest.
        #[serde(default)]
        guest_agent: Option<PathBuf>,
        /// Read all of it, whatever is said to be unchanged.
        full: bool,
    },
    /// An ingest of disks of a machine that libvirt looks after.
    PullDomain {
        system: String,
        uri: String,
        domain: String,
        /// All of the machine's without any.
        disks: Vec<String>,
        /// That are left out.
        excluded: Vec<String>,
        /// Read all of it, whatever is said to be unchanged.
        full: bool,
    },
    /// An ingest of what was written to an intake, which goes when that is done.
    Receive {
        system: String,
        volume: String,
        intake: u64,
        /// The identity of the recovery point that it makes: when that is there it is done.
        point: String,
        /// What its writer said about its moment: a word of [`model::Consistency`].
        #[serde(default)]
        consistency: String,
    },
    /// An ingest of what a caller writes to a pipe. This engine has its other end under the number
    /// `handed`, and that of the pipe in which the caller says that all was written.
    Stream {
        system: String,
        volume: String,
        handed: u64,
    },
    Restore {
        point: String,
        volume: usize,
        to: PathBuf,
    },
    /// A restore to an open file of who asked, which this engine has under the number `handed`.
    Give {
        point: String,
        volume: usize,
        handed: u64,
    },
    Verify {
        deep: bool,
    },
    /// All that one recovery point needs.
    VerifyPoint {
        point: String,
    },
    /// Works `duty` percent of the time for at most `seconds`.
    Scrub {
        duty: u32,
        seconds: Option<u64>,
        new: bool,
    },
    Reclaim(Reclaiming),
    Expire,
    Resync {
        /// Bytes of copies in a second, at most.
        #[serde(default)]
        rate: Option<NonZeroU64>,
    },
    /// A resync after which the member `by` is in the place of another, which leaves.
    Relieve {
        member: usize,
        by: usize,
        /// As of a resync.
        #[serde(default)]
        rate: Option<NonZeroU64>,
    },
}

/// How much a reclaim gives back. What is not said is as [`Reclaim::default`] has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Reclaiming {
    pub(crate) least_dead_percent: Option<u32>,
    pub(crate) most_bytes: Option<u64>,
    pub(crate) release_after_seconds: Option<u64>,
    pub(crate) recompress: bool,
    pub(crate) dry_run: bool,
}

impl Reclaiming {
    pub(crate) fn of(self) -> Reclaim {
        let usual = Reclaim::default();
        Reclaim {
            least_dead_percent: self.least_dead_percent.unwrap_or(usual.least_dead_percent),
            most_moved_bytes: self.most_bytes.unwrap_or(usual.most_moved_bytes),
            release_after: self.release_after_seconds.map_or(usual.release_after, Span),
            recompress: self.recompress,
            dry_run: self.dry_run,
        }
    }
}

impl Work {
    /// A scrub as somebody wants it over the bus: all of the time, unless that is said.
    pub(crate) fn scrub(options: &ScrubOptions) -> Self {
        let duty = options.duty_percent.unwrap_or(100);
        Self::Scrub { duty, seconds: options.run_for_seconds, new: options.new }
    }

    /// A reclaim as somebody wants it over the bus.
    pub(crate) fn reclaim(options: &ReclaimOptions) -> Self {
        Self::Reclaim(Reclaiming {
            least_dead_percent: options.least_dead_percent,
            most_bytes: options.most_bytes,
            release_after_seconds: options.release_after_seconds,
            recompress: options.recompress,
            dry_run: options.dry_run,
        })
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Ingest { .. }
            | Self::Pull { .. }
            | Self::PullDomain { .. }
            | Self::Receive { .. }
            | Self::Stream { .. } => "ingest",
            Self::Restore { .. } | Self::Give { .. } => "restore",
            Self::Verify { .. } | Self::VerifyPoint { .. } => "verify",
            Self::Scrub { .. } => "scrub",
            Self::Reclaim { .. } => "reclaim",
            Self::Expire => "expire",
            Self::Resync { .. } | Self::Relieve { .. } => "resync",
        }
    }

    /// The protected system that it takes in.
    pub(crate) fn ingests(&self) -> Option<&str> {
        match self {
            Self::Ingest { system, .. }
            | Self::Pull { system, .. }
            | Self::PullDomain { system, .. }
            | Self::Receive { system, .. }
            | Self::Stream { system, .. } => Some(system),
            _ => None,
        }
    }

    /// The number of what its caller has handed over for it.
    pub(crate) fn handed(&self) -> Option<u64> {
        match self {
            Self::Give { handed, .. } | Self::Stream { handed, .. } => Some(*handed),
            _ => None,
        }
    }

    /// What it is done to, for people: a system's name, a recovery point, or the pool.
    pub(crate) fn subject(&self) -> &str {
        match self {
            Self::Ingest { system, .. }
            | Self::Pull { system, .. }
            | Self::PullDomain { system, .. }
            | Self::Receive { system, .. }
            | Self::Stream { system, .. } => system,
            Self::Restore { point, .. }
            | Self::Give { point, .. }
            | Self::VerifyPoint { point } => point,
            _ => "pool",
        }
    }

    pub(crate) fn class(&self) -> Class {
        match self {
            Self::Restore { .. } | Self::Give { .. } => Class::Restore,
            Self::Ingest { .. }
            | Self::Pull { .. }
            | Self::PullDomain { .. }
            | Self::Receive { .. }
            | Self::Stream { .. } => Class::Ingest,
            Self::Resync { .. } | Self::Relieve { .. } => Class::Resync,
            _ => Class::Upkeep,
        }
    }

    /// How fast it may copy; `None` also for what copies nothing.
    pub(crate) fn rate(&self) -> Option<NonZeroU64> {
        match self {
            Self::Resync { rate } | Self::Relieve { rate, .. } => *rate,
            _ => None,
        }
    }

    /// The same at another rate, if it copies.
    pub(crate) fn at_rate(&self, rate: Option<NonZeroU64>) -> Self {
        match *self {
            Self::Resync { .. } => Self::Resync { rate },
            Self::Relieve { member, by, .. } => Self::Relieve { member, by, rate },
            _ => self.clone(),
        }
    }

    /// Jobs that have a key in common never run at once: two ingests of one system would each miss
    /// the other's point, two reclaims each other's moves, two restores each other's target.
    pub(crate) fn alone(&self) -> Vec<(&'static str, String)> {
        let key = match self {
            Self::Ingest { system, .. }
            | Self::Receive { system, .. }
            | Self::Stream { system, .. } => ("ingest", system.clone()),
            Self::Pull { system, socket, .. } => {
                // A QEMU serves one client.
                let machine = ("pull", socket.display().to_string());
                return vec![("ingest", system.clone()), machine];
            }
            Self::PullDomain { system, uri, domain, .. } => {
                // A machine has one backup at a time.
                return vec![("ingest", system.clone()), ("pull", format!("{uri} {domain}"))];
            }
            Self::Restore { to, .. } => ("restore", to.display().to_string()),
            Self::Give { handed, .. } => ("give", handed.to_string()),
            Self::VerifyPoint { point } => ("verify", point.clone()),
            work => (work.kind(), String::new()),
        };
        vec![key]
    }

    /// The agent of a guest that it freezes.
    pub(crate) fn guest_agent(&self) -> Option<&Path> {
        match self {
            Self::Pull { guest_agent, .. } => guest_agent.as_deref(),
            _ => None,
        }
    }

    /// The machine of libvirt's whose guest it may freeze.
    pub(crate) fn domain(&self) -> Option<Domain> {
        match self {
            Self::PullDomain { uri, domain, disks, excluded, .. } => Some(Domain {
                uri: uri.clone(),
                name: domain.clone(),
                disks: disks.clone(),
                excluded: excluded.clone(),
            }),
            _ => None,
        }
    }

    /// The QMP socket of a machine that it may pause for a moment.
    pub(crate) fn pauses(&self) -> Option<&Path> {
        match self {
            Self::Pull { socket, .. } => Some(socket),
            _ => None,
        }
    }

    /// Whether doing it once more, after nobody knows how much of it, is right without asking. A
    /// restore is not: somebody may use by now what it wrote to. What came through a pipe does not
    /// come twice.
    pub(crate) fn repeats(&self) -> bool {
        !matches!(self, Self::Restore { .. } | Self::Give { .. } | Self::Stream { .. })
    }
}
