//! What the bus asks of the engine: one command for each method, with checked arguments.

mod check;
mod options;
mod passphrase;

use std::os::fd::OwnedFd;

use futures_util::future::BoxFuture;
use model::{DiskId, PointId};
use zbus::OwnedObjectPath;

use crate::caller::Caller;
use crate::place::Place;
use crate::refusal::Refusal;

pub(crate) use check::{PLAN_MAX, comment, path, plan, source, system, volume};
pub use options::{
    ExportOptions, FinishOptions, IngestOptions, ReceiveOptions, ReclaimOptions, RestoreOptions,
    ResyncOptions, RunOptions, ScrubOptions, StreamOptions, VerifyOptions,
};
pub(crate) use options::{OptionKey, Options};
pub use passphrase::Passphrase;

/// Something to do, asked for by a caller who may. The object that it names was on the bus when
/// the call came.
#[derive(Debug)]
pub enum Command {
    Unlock {
        passphrase: Passphrase,
    },
    Lock,
    ExportPlan,
    ApplyPlan {
        plan: String,
        dry_run: bool,
    },
    TestAlert,
    ProbeTimes,
    Scrub(ScrubOptions),
    ListScrubs,
    Reclaim(ReclaimOptions),
    Expire {
        dry_run: bool,
    },
    Verify(VerifyOptions),
    /// `source` is an absolute path or the address of an NBD server.
    Ingest {
        system: String,
        source: String,
        options: IngestOptions,
    },
    /// What comes out of the pipe `stream` is whole when `end` gives a byte behind it.
    IngestStream {
        system: String,
        options: StreamOptions,
        stream: OwnedFd,
        end: OwnedFd,
    },
    Resync(ResyncOptions),
    /// `device` is an absolute path.
    AddDisk {
        device: String,
    },
    RemoveDisk {
        disk: DiskId,
    },
    ReturnDisk {
        disk: DiskId,
    },
    /// `device` is an absolute path.
    ReplaceDisk {
        disk: DiskId,
        device: String,
    },
    RunSystem {
        system: String,
        options: RunOptions,
    },
    PauseSystem {
        system: String,
        reason: String,
    },
    ResumeSystem {
        system: String,
    },
    Receive {
        system: String,
        options: ReceiveOptions,
    },
    VerifyPoint {
        point: PointId,
    },
    ExportPoint {
        point: PointId,
        options: ExportOptions,
    },
    RestorePoint {
        point: PointId,
        options: RestoreOptions,
    },
    /// `target` is open for writing, a regular file, block device or pipe of the caller. An empty
    /// volume is the only one.
    RestoreTo {
        point: PointId,
        volume: String,
        target: OwnedFd,
    },
    HoldPoint {
        point: PointId,
        comment: String,
    },
    ReleasePoint {
        point: PointId,
        comment: String,
    },
    RemovePoint {
        point: PointId,
        reason: String,
    },
    /// As `RemovePoint`, also if nothing newer is left of its system.
    RemoveNewestPoint {
        point: PointId,
        reason: String,
    },
    ReturnPoint {
        point: PointId,
    },
    ClearPoint {
        point: PointId,
    },
    CancelJob {
        job: u64,
    },
    RetryJob {
        job: u64,
    },
    StopExport {
        export: u64,
        discard_overlay: bool,
    },
    FinishIntake {
        intake: u64,
        options: FinishOptions,
    },
    DiscardIntake {
        intake: u64,
    },
    AcknowledgeAlert {
        alert: u64,
        by: String,
    },
}

impl Command {
    /// Whether it changes nothing, whoever asks.
    pub fn only_reads(&self) -> bool {
        match self {
            Self::ExportPlan | Self::ListScrubs | Self::ProbeTimes => true,
            Self::ApplyPlan { dry_run, .. } | Self::Expire { dry_run } => *dry_run,
            _ => false,
        }
    }
}

/// What came of a command. Which one belongs to which command stands at its method in BUS.md.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It is done, and there is nothing to say.
    Done,
    /// The job, export or intake that it became.
    Object(Place),
    /// A plan, or the difference between two.
    Text(String),
    /// All scrubs, oldest first.
    Scrubs(Vec<PastScrub>),
    /// What retention says about each recovery point.
    Fates(Vec<Fate>),
    /// Microseconds by name.
    Times(Vec<(String, u64)>),
}

/// A scrub that has ended, or as far as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastScrub {
    pub number: u64,
    /// The segment to go on from; 0: it is done.
    pub next: u64,
    /// All segments with a lower number were read back from every disk since they were written.
    pub verified_below: u64,
    /// The pool's age at its begin and when it was written down last, in seconds.
    pub begun_age: u64,
    pub age: u64,
    /// The box's clock then, in seconds since 1970.
    pub at: u64,
    pub bytes_read: u64,
    /// Bad copies that were healed, and those that could not be, of which another is good.
    pub healed: u64,
    pub damaged: u64,
    /// Records without a good copy.
    pub lost: u64,
}

/// The D-Bus signature of a list of them.
pub(crate) const PAST_SCRUBS: &str = "a(tttttttttt)";

/// A [`PastScrub`] as it is in messages, its fields in their order.
pub type PastScrubFields = (u64, u64, u64, u64, u64, u64, u64, u64, u64, u64);

/// What retention says about a recovery point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    pub point: PointId,
    /// `stays`, `removed` or `gone`.
    pub verdict: String,
    /// Why, for people.
    pub reason: String,
}

/// The engine, as the bus sees it.
pub trait Commands: Send + Sync {
    /// Carries out `command` or says why not. Whatever takes longer than a second becomes a job:
    /// the caller waits for the reply, and many run at the same time.
    fn run(&self, caller: Caller, command: Command) -> BoxFuture<'_, Result<Reply, Refusal>>;
}

impl Reply {
    /// The D-Bus signature of it.
    pub(crate) fn signature(&self) -> &'static str {
        match self {
            Self::Done => "",
            Self::Object(_) => "o",
            Self::Text(_) => "s",
            Self::Scrubs(_) => PAST_SCRUBS,
            Self::Fates(_) => "a(oss)",
            Self::Times(_) => "a(st)",
        }
    }
}

impl PastScrub {
    pub(crate) fn fields(&self) -> PastScrubFields {
        let Self { number, next, verified_below, begun_age, age, .. } = *self;
        let Self { at, bytes_read, healed, damaged, lost, .. } = *self;
        (number, next, verified_below, begun_age, age, at, bytes_read, healed, damaged, lost)
    }
}

impl From<PastScrubFields> for PastScrub {
    fn from(fields: PastScrubFields) -> Self {
        let (number, next, verified_below, begun_age, age, ..) = fields;
        let (.., at, bytes_read, healed, damaged, lost) = fields;
        Self { number, next, verified_below, begun_age, age, at, bytes_read, healed, damaged, lost }
    }
}

impl Fate {
    pub(crate) fn fields(&self) -> (OwnedObjectPath, &str, &str) {
        (Place::Point(self.point).path(), &self.verdict, &self.reason)
    }
}
