//! Records in the clear: sealed on the way into the store, opened on the way out; manifests of
//! them.
//!
//! This is the only place where keys and store meet. Ingest and restore work with plaintext and
//! digests; the store sees sealed bytes.

mod describe;
mod error;
mod keys;
mod leaf;
mod moving;
mod progress;
mod put;
mod reader;
mod stream;
mod tree;
mod turns;
mod volume;

pub use describe::{Description, SignalDescription, SignalKind, VolumeContent, VolumeDescription};
pub use error::{RecordError, Result};
pub use keys::TenantAccess;
pub use leaf::Leaf;
pub use moving::RecordMover;
pub use progress::Progress;
pub use put::{Put, RecordWriter};
pub use reader::{ChunkTarget, OpenedRecord, RecordReader};
pub use stream::{Stream, StreamLeaf, StreamLeaves};
pub use tree::write_tree;
pub use turns::Turns;
pub use volume::Volume;
