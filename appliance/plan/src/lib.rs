//! The protection plan: which systems are protected for whom, how often, when, and for how long
//! their recovery points stay.
//!
//! A plan is a TOML document (PLAN.md). [`parse`] is total: any text gives all of its problems at
//! once, and a [`Plan`] if none of them is an error. [`Plan::to_toml`] writes a plan so that
//! reading it gives the same again; [`diff`] tells two apart for people and as JSON.
//!
//! A plan also says when runs are due: [`next_due`] inside [`Windows`] and outside blackouts, right
//! over changes of the clock, be they those of summer time or those of a dead battery.
//!
//! **Invariant:** pure: nothing here waits or asks for the time. Only the rules of time zones are
//! read from the system's database, or from the one built in when there is none.

mod check;
mod diff;
mod keys;
mod list;
mod plan;
mod read;
mod schedule;
#[cfg(test)]
mod tests;
mod write;

pub use diff::{Change, ChangeKind, diff};
pub use document::{
    Days, Key, Level, MAX_DOCUMENT, Problem, Section, Window, WindowError, Windows, bytes_text,
    parse_bytes, parse_span, span_text,
};
pub use keys::SECTIONS;
pub use plan::{Client, Limits, Maintenance, Plan, Retry, Schedule, Source, System, Task};
pub use read::{Parsed, parse, parse_knowing};
pub use schedule::{Due, Now, Past, RpoState, is_missed, next_due, rpo_state};
