//! A recovery point served as a disk: what it reads from, what a client writes above it, and the
//! NBD server in front of both.

mod budget;
mod connection;
mod disk;
mod ends;
mod execute;
mod image;
mod negotiate;
mod overlay;
mod server;
mod socket;
mod stats;
mod stop;
#[cfg(test)]
mod tests;
mod wire;

pub use connection::Fault;
pub use disk::{Disk, Export};
pub use ends::Ends;
pub use image::{Blank, BoxFuture, Content, Extent, Image, ImageError};
pub use negotiate::fuzz_client;
pub use overlay::{Base, Overlay, OverlayError};
pub use server::{Server, ServerError};
pub use socket::bind_unix;
pub use stats::Stats;
