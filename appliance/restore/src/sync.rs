//! The lock around chunks in memory: the standard library's, or with the feature `schedules`
//! shuttle's, of which a test decides who gets it. What waits for a chunk is tokio's either way.

#[cfg(feature = "schedules")]
pub(crate) use shuttle::sync::{Mutex, MutexGuard};
#[cfg(not(feature = "schedules"))]
pub(crate) use std::sync::{Mutex, MutexGuard};
