//! The agent: it runs on a protected system and sends what changed of its volumes to the box.
//!
//! A volume is held still where the system can do that, read from its first byte to its last, and
//! compared by digests of 64 KiB blocks with what the box has; only blocks that differ travel. The
//! agent remembers nothing but those digests: when they are lost or do not belong to the box's
//! newest recovery point, it sends more and nothing goes wrong.
//!
//! Killed at any moment it leaves no recovery point that is half new; the next run goes on with
//! what the box has taken, and tidies up what this one held.

mod aligned;
mod client;
mod commands;
mod config;
mod device;
mod digests;
mod error;
mod hold;
mod marks;
mod pass;
mod progress;
mod remote;
mod run;
mod script;
mod send;
mod state;

pub use commands::{Output, check, daemon, enroll, run_once};
pub use config::{Config, Hold, VolumeConfig};
pub use error::AgentError;
