//! What a recovery point says about itself, sealed: names and what was measured.

use serde::{Deserialize, Serialize};

/// The description of a recovery point: JSON in its record. Readers skip fields they do not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// Name of the protected system.
    pub system: String,
    pub volumes: Vec<VolumeDescription>,
    /// When the source was read: seconds since 1970 by the box's clock.
    pub created: u64,
    /// Version of Holdfast that wrote it.
    pub writer: String,
}

/// One volume, in the order of the record's references.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeDescription {
    /// Name of the volume.
    pub name: String,
    /// Exact bytes of the volume; its last block is filled up with zeroes.
    pub bytes: u64,
    /// Where it came from, for people.
    pub source: String,
    /// Bytes that were not holes.
    pub data_bytes: u64,
    /// Chunks that the store did not have, and their bytes before sealing.
    pub new_chunks: u64,
    pub new_bytes: u64,
}
