//! What threads share, by name: the standard library's, or with the feature `schedules` shuttle's,
//! of which a test decides at every lock and every look who goes on.
//!
//! What waits asynchronously is tokio's either way: it runs under any executor, and each call of it
//! is one step that no other thread sees half of.

#[cfg(feature = "schedules")]
pub(crate) use shuttle::sync::{Mutex, atomic::AtomicBool};
#[cfg(not(feature = "schedules"))]
pub(crate) use std::sync::{Mutex, atomic::AtomicBool};

/// Lets others have their turn: nothing, except where a test decides whose turn it is.
#[cfg(not(feature = "schedules"))]
pub(crate) async fn turn() {}
#[cfg(feature = "schedules")]
pub(crate) use crate::schedules::turn;
