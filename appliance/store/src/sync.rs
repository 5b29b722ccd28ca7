//! What threads share, by name: the standard library's, or with the feature `schedules` shuttle's,
//! of which a test decides at every lock and every look who goes on.
//!
//! Locks and counters only: what is waited for asynchronously (the log, a writer's state) is
//! tokio's either way. It runs under any executor; each call of it is one step that no other thread
//! sees half of. So is each call of the index, whose shards have locks of their own that nothing
//! else is done under.

#[cfg(feature = "schedules")]
pub(crate) use shuttle::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize},
};
#[cfg(not(feature = "schedules"))]
pub(crate) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize},
};
