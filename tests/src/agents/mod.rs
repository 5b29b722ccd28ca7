//! Agents and the receiver, as processes with real TLS between them, before a box of plain files;
//! and everybody else who connects to it.

mod holds;
mod hostile;
mod lab;
mod line;
mod runs;
mod whole;
