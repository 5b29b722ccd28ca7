//! The interface as callers see it: over a pair of sockets, and over a real bus.

mod daemon;
mod describe;
mod harness;
mod interfaces;
mod methods;
mod person;
mod policies;
mod polkit;
mod server;
mod watch;
mod xml;
