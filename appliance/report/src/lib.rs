//! Reports for the MSP, its clients and auditors, made of what the bus shows.
//!
//! [`make`] gives a [`Report`] of one [`Kind`] from [`Facts`]: views of the bus, the plan, and what
//! was recorded of restores, notices, contracts and hours. A report is values, not text:
//! [`Report::html`], [`Report::csv`] and [`Report::json`] write it. REPORTS.md has every kind,
//! section and column, held to the code by a test.
//!
//! **Invariant:** pure. Nothing here reads, waits or asks for the time; the time zone is passed in.
//!
//! **Invariant:** a client's report is made of that client's facts alone: what is another's is left
//! out before anything is counted (`seen.rs`), and what facts contradict each other about is shown
//! to no client.
//!
//! **Invariant:** whatever stands in a name or a cause stays text: it opens no tag, no cell and no
//! formula, and every table, text and list has a bound.

mod cell;
mod clocks;
mod error;
mod facts;
mod kind;
mod made;
mod make;
mod notice;
mod period;
mod render;
mod report;
mod seen;
mod spec;
#[cfg(test)]
mod tests;

pub use cell::{Cell, CellKind, Level};
pub use clocks::{Clock, Clocks, RestoreClass, RestoreRequest, Step, StepError};
pub use error::ReportError;
pub use facts::{AlertRecord, Contract, Facts, Usage, Work};
pub use kind::{Cadence, Kind};
pub use make::{Scope, make};
pub use notice::{NOTICE_AHEAD, Notice, NoticeVerdict, Told};
pub use period::Period;
pub use report::{Body, Report, Section, Table};
pub use spec::{Field, SectionSpec, Shape};
