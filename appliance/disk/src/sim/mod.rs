//! A deterministic disk in memory that remembers every write and flush, so that each state that a
//! power failure may leave can be made from it, and that can be told to fail.
//!
//! Operations complete at their first poll, on the caller's thread; with the feature `schedules`
//! others get their turn before and after each. All disks of a [`SimMachine`]
//! share one order of events; a power failure hits them at the same event.

mod crash;
mod device;
mod fault;
mod image;
mod machine;
mod rng;

pub use fault::SimFault;
pub use machine::{SimCounts, SimMachine};
pub use rng::SimRng;
