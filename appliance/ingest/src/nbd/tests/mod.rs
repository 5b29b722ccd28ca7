//! The client against scripts of bytes, and against servers of others.

mod faults;
mod hostile;
mod servers;
pub(crate) mod support;
