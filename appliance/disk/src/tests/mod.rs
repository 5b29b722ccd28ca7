//! One contract, held by every kind of disk.

mod conformance;
mod faults;
mod fixture;
mod forbidden;
mod holding;
mod host;
mod pool;
#[cfg(feature = "schedules")]
mod schedules;
mod sim;
