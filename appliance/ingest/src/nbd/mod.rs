//! Volumes that another program serves: an NBD client, and disk images read through `qemu-nbd`.
//!
//! Hypervisors hand out disks over NBD, and `qemu-nbd` turns every usual image format into it, so
//! one small client reads them all and the appliance parses no image itself. What a server sends
//! is hostile until checked: lengths are bounded, waits end, and nothing that was left out of a
//! reply passes for data. Image files are hostile too: see [`ImageSource`] for what is refused.

mod address;
mod connection;
mod dirty;
mod error;
mod extents;
mod fault;
mod image;
mod negotiate;
mod open;
mod pool;
mod socket;
mod source;
#[cfg(test)]
mod tests;
mod transfer;
mod wire;

pub use address::{AddressFault, NbdAddress};
pub use dirty::dirty;
pub use error::SourceError;
pub use image::{Backing, ImageFormat, ImageSource};
pub use open::{open_source, open_source_with};
pub use socket::connect_unix;
pub use source::NbdSource;
pub use wire::{Refusal, Violation};
