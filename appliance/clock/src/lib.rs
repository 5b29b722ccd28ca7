//! The clocks of a machine: how long it has run, by which the pool's age is counted; the time that
//! authenticated servers tell; and the one on the wall, for people.
//!
//! **Invariant:** no time that somebody sets is passed off as proven.

mod proof;
mod uptime;

pub use proof::{FRESH, PROOF, Proof, ProofError};
pub use uptime::{now, uptime};
