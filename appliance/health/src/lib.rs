//! How the appliance is: facts in, verdicts and alerts out.
//!
//! [`judge`] looks at [`Facts`] and gives a [`Finding`] for each thing that is wrong, with a stable
//! [`AlertCode`], a cause in one sentence, the next step and whose side it is on. [`AlertBook`]
//! makes alerts of what is found time after time: each is raised once, told again while nobody
//! acknowledges it, and clears by itself. [`Verdict`] is the whole in one word, [`Priorities`] says
//! who is woken. ALERTS.md has all codes for people.
//!
//! **Invariant:** pure. Nothing here reads, waits, asks for the time or keeps a thread.
//!
//! **Invariant:** a healthy appliance has no finding, and what is not known is not healthy: an
//! unknown neither hides an alert nor clears one.
//!
//! What can go wrong is a caller's facts: too hopeful a fact gives too good a verdict. So every
//! field says what is to be left unknown.

mod book;
mod code;
mod error;
pub mod facts;
mod finding;
mod monitors;
mod priority;
mod severity;
mod subject;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod thresholds;
mod verdict;

pub use book::{Acknowledged, Alert, AlertBook, BookLimits, Change, Moment, SavedAlert, SavedBook};
pub use code::AlertCode;
pub use error::{AcknowledgeError, NoSeverity, UnknownCode};
pub use facts::{Facts, Reading};
pub use finding::Finding;
pub use monitors::judge;
pub use priority::{Overrides, Priorities};
pub use severity::{Severity, Side};
pub use subject::{Subject, SubjectKind};
pub use thresholds::Thresholds;
pub use verdict::{State, Verdict};
