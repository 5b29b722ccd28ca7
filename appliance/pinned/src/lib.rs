//! TLS 1.3 between two sides that know each other's certificate by its fingerprint.
//!
//! There is no authority: a certificate is believed because its fingerprint is in a configuration,
//! and whoever shows it must sign with its key. Names and dates in it say nothing. No session is
//! resumed, so each connection proves that anew. Each side makes its own pair; the key never
//! leaves the machine.

mod admission;
mod client;
mod error;
mod fingerprint;
mod identity;
mod linger;
mod make;
mod server;
mod signatures;
#[cfg(test)]
mod tests;

pub use admission::{Admission, MOST_HANDSHAKES, Ticket, network};
pub use client::{Expected, client};
pub use error::PinnedError;
pub use fingerprint::{fingerprint_in, fingerprint_of};
pub use identity::Identity;
pub use linger::linger;
pub use make::make;
pub use server::{open_server, server};
