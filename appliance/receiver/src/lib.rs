//! Takes volumes from agents: ends TLS, knows each agent by its certificate, and passes what it
//! may add on to the engine.
//!
//! It has no keys of the store and no disks; whoever takes this process over can write into open
//! intakes, and neither read nor remove a recovery point. Nothing that a peer sends is parsed
//! before its certificate is known, and everything after that is bounded: heads, bodies, times,
//! connections. AGENT.md describes the protocol.

mod answer;
mod body;
mod config;
mod connection;
mod engine;
mod error;
mod handle;
mod intakes;
mod nbd;
mod peers;
mod request;
mod server;
pub mod sim;
#[cfg(test)]
mod tests;

pub use config::{AgentConfig, Config};
pub use engine::Engine;
pub use error::ReceiverError;
pub use intakes::{Body, Fault, Intake, Intakes, Session, Stage};
pub use nbd::Writer;
pub use request::fuzz_request;
pub use server::{Receiver, fingerprint};
