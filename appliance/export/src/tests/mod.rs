//! The server as its clients see it: clients that nobody here wrote, and one that misbehaves.

mod clients;
mod conduct;
mod ends;
mod images;
mod raw;

pub(crate) use images::{FileImage, MemoryImage};
