//! One job, and what can become of it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::limits::Class;
use super::retry::Retry;
use super::work::Work;

/// A moment by both clocks, in seconds. Waiting is counted by `running`, which no clock sets;
/// `wall` is for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Moment {
    pub(crate) running: u64,
    pub(crate) wall: u64,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum JobState {
    Queued,
    Running,
    /// It failed and is tried again at this time, in seconds of running time.
    Waiting {
        due: u64,
    },
    Done,
    /// It came to its end and found something that somebody should look at.
    Warned,
    Failed,
    Cancelled,
    /// The engine ended while it ran, and it is not repeated without being asked for.
    Interrupted,
}

impl JobState {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting { .. } => "waiting",
            Self::Done => "done",
            Self::Warned => "warned",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }

    pub(crate) fn is_over(self) -> bool {
        !matches!(self, Self::Queued | Self::Running | Self::Waiting { .. })
    }
}

/// What came out of a job, as the command that does the same prints it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Outcome {
    /// For programs: an object.
    pub(crate) value: Value,
    /// For people: some lines.
    pub(crate) text: String,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ended {
    Done(Outcome),
    /// Done, and what it found is a failure all the same: what is wrong, the next step.
    Warned(Outcome, String, String),
    Failed {
        cause: String,
        next: String,
    },
    /// Somebody wanted it to stop.
    Stopped,
}

/// One job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) number: u64,
    pub(crate) work: Work,
    pub(crate) state: JobState,
    /// Whose it is: the name of a client, or empty.
    pub(crate) client: String,
    pub(crate) retry: Retry,
    /// Seconds that it may run before somebody is told.
    pub(crate) deadline: u64,
    /// Number of the attempt, from 1 on; 0 before the first.
    pub(crate) attempt: u32,
    /// When it first failed, in seconds of running time.
    #[serde(default)]
    pub(crate) failed: Option<u64>,
    pub(crate) queued: Moment,
    pub(crate) started: Moment,
    pub(crate) ended: Moment,
    pub(crate) bytes_done: u64,
    pub(crate) bytes_total: u64,
    /// When the last byte moved, in seconds of running time.
    pub(crate) moved: u64,
    /// Somebody wants it to stop.
    pub(crate) stopping: bool,
    /// It is to stop and begin anew, as what it does is another work by now.
    #[serde(default)]
    pub(crate) anew: bool,
    pub(crate) cause: String,
    pub(crate) next: String,
    pub(crate) result: Value,
    /// The same for people.
    #[serde(default)]
    pub(crate) report: String,
}

impl Job {
    pub(crate) fn class(&self) -> Class {
        self.work.class()
    }

    /// When it is to be tried again, in seconds of running time, after an attempt that failed;
    /// `None` when it is not.
    pub(super) fn next_attempt(&mut self, now: Moment) -> Option<u64> {
        // Running time begins anew when the machine starts.
        let first = self.failed.filter(|first| *first <= now.running).unwrap_or(now.running);
        self.failed = Some(first);
        self.retry.after(self.attempt, now.running - first).map(|pause| now.running + pause)
    }
}
