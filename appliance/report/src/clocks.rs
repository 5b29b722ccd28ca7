//! Restores that somebody asked for, and the clocks that run from then on.
//!
//! A request goes through [`Step`]s, each once and in their order. Two of them have a limit that
//! was promised; how a request stands to these is told for any instant, as nothing here has a
//! clock.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What is wanted back, which says how fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestoreClass {
    /// A whole system that is down.
    System,
    File,
}

impl RestoreClass {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::File => "file",
        }
    }

    /// The most seconds between the request and a step; none if nothing was promised for it.
    pub fn limit(self, step: Step) -> Option<u64> {
        match (self, step) {
            (Self::System, Step::Acknowledged) => Some(15 * 60),
            (Self::System, Step::Started) => Some(60 * 60),
            (Self::File, Step::Acknowledged) => Some(20 * 60),
            (Self::File, Step::Started) => Some(240 * 60),
            _ => None,
        }
    }
}

/// What happens to a request, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Somebody answered.
    Acknowledged,
    /// The restore was begun.
    Started,
    /// The first byte reached whom it is for.
    FirstByte,
    /// Who asked can work with it.
    Usable,
    /// Who asked has said that it is right.
    Verified,
}

impl Step {
    pub const ALL: [Self; 5] =
        [Self::Acknowledged, Self::Started, Self::FirstByte, Self::Usable, Self::Verified];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Acknowledged => "acknowledged",
            Self::Started => "started",
            Self::FirstByte => "first byte",
            Self::Usable => "usable",
            Self::Verified => "verified",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a step is not taken. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum StepError {
    #[error("it was {step} at {at} already, and that is never changed; record the next step")]
    Taken { step: Step, at: u64 },
    #[error("it cannot be {step} before it is {next}; record that first")]
    OutOfOrder { step: Step, next: Step },
    #[error(
        "{at} is before the step before it, at {before}; see whether the clock was set back, and \
         give the right time"
    )]
    Earlier { at: u64, before: u64 },
}

/// When a request was made and what happened to it since: no step without the ones before it, none
/// earlier than the one before it, and none is ever taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Record", into = "Record")]
pub struct Clocks {
    requested: u64,
    /// When each step was taken, in their order.
    taken: Vec<u64>,
}

impl Clocks {
    pub fn new(requested: u64) -> Self {
        Self { requested, taken: Vec::new() }
    }

    pub fn requested(&self) -> u64 {
        self.requested
    }

    /// When a step was taken.
    pub fn at(&self, step: Step) -> Option<u64> {
        self.taken.get(step as usize).copied()
    }

    /// The step that is to come; none when all were taken.
    pub fn next(&self) -> Option<Step> {
        Step::ALL.get(self.taken.len()).copied()
    }

    /// Takes the next step.
    pub fn take(&mut self, step: Step, at: u64) -> Result<(), StepError> {
        if let Some(at) = self.at(step) {
            return Err(StepError::Taken { step, at });
        }
        if let Some(next) = self.next().filter(|next| *next != step) {
            return Err(StepError::OutOfOrder { step, next });
        }
        let before = self.taken.last().copied().unwrap_or(self.requested);
        if at < before {
            return Err(StepError::Earlier { at, before });
        }
        self.taken.push(at);
        Ok(())
    }
}

/// As it is kept.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    requested: u64,
    acknowledged: Option<u64>,
    started: Option<u64>,
    first_byte: Option<u64>,
    usable: Option<u64>,
    verified: Option<u64>,
}

impl TryFrom<Record> for Clocks {
    type Error = StepError;

    fn try_from(record: Record) -> Result<Self, StepError> {
        let Record { requested, acknowledged, started, first_byte, usable, verified } = record;
        let mut clocks = Self::new(requested);
        let times = [acknowledged, started, first_byte, usable, verified];
        for (step, at) in Step::ALL.into_iter().zip(times) {
            at.map_or(Ok(()), |at| clocks.take(step, at))?;
        }
        Ok(clocks)
    }
}

impl From<Clocks> for Record {
    fn from(clocks: Clocks) -> Self {
        Self {
            requested: clocks.requested,
            acknowledged: clocks.at(Step::Acknowledged),
            started: clocks.at(Step::Started),
            first_byte: clocks.at(Step::FirstByte),
            usable: clocks.at(Step::Usable),
            verified: clocks.at(Step::Verified),
        }
    }
}

/// How a promise stands at one time. All in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The step was taken in time, so long after the request.
    Kept { after: u64 },
    /// The step was taken too late, by so much.
    Late { by: u64 },
    /// It has so long yet.
    Due { left: u64 },
    /// It is not taken and too late by so much already.
    Overdue { by: u64 },
}

impl Clock {
    /// Whether the promise is broken, whatever comes.
    pub fn is_breached(self) -> bool {
        matches!(self, Self::Late { .. } | Self::Overdue { .. })
    }
}

/// A restore that somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreRequest {
    /// Never used twice on an appliance.
    pub id: u64,
    /// The plan's client.
    pub client: String,
    /// Name of the protected system.
    pub system: String,
    /// Id of the recovery point; empty if the newest one is meant.
    pub point: String,
    pub class: RestoreClass,
    pub clocks: Clocks,
    /// Who asked.
    pub requester: String,
    /// Number in the ticket system; empty if there is none.
    pub ticket: String,
}

impl RestoreRequest {
    /// How it stands to the promise for a step at `now`; none if nothing was promised for it. A
    /// step that is taken after `now` is not taken then.
    pub fn clock(&self, step: Step, now: u64) -> Option<Clock> {
        let limit = self.class.limit(step)?;
        let after = |at: u64| at.saturating_sub(self.clocks.requested);
        Some(match self.clocks.at(step).filter(|at| *at <= now) {
            Some(at) if after(at) <= limit => Clock::Kept { after: after(at) },
            Some(at) => Clock::Late { by: after(at) - limit },
            None => match limit.checked_sub(after(now)) {
                Some(left) => Clock::Due { left },
                None => Clock::Overdue { by: after(now) - limit },
            },
        })
    }

    /// Whether a promise is broken at `now`.
    pub fn is_breached(&self, now: u64) -> bool {
        Step::ALL.iter().filter_map(|step| self.clock(*step, now)).any(Clock::is_breached)
    }
}
