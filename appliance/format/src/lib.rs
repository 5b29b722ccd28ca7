//! Bytes on disk and on the wire: encode and decode, described in FORMAT.md. Pure.

mod bytes;
pub mod catalog;
pub mod checkpoint;
mod error;
pub mod event;
pub mod geometry;
pub mod keyring;
pub mod layout;
pub mod log;
pub mod manifest;
pub mod segment;
pub mod stream;
pub mod superblock;

pub use error::FormatError;

#[cfg(test)]
mod tests;
