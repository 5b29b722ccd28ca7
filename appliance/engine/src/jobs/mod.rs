//! Jobs: what the engine does for a while, one after the other or side by side.
//!
//! [`Queue`] is a state machine that takes and gives values: when what may run, what is repeated
//! after a failure, what became of it. [`crate::runner`] runs what it says, [`crate::state`] keeps
//! it over restarts.

mod job;
mod limits;
mod queue;
mod retry;
#[cfg(test)]
mod tests;
mod work;

pub(crate) use job::{Ended, Job, JobState, Moment, Outcome};
pub(crate) use limits::{Class, Limits};
pub(crate) use queue::{Queue, Refused};
pub(crate) use retry::Retry;
pub(crate) use work::Work;
