//! What a recovery point says about itself, sealed: names and what was measured.

use model::Consistency;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The description of a recovery point: JSON in its record. Readers skip fields they do not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// Name of the protected system.
    pub system: String,
    pub volumes: Vec<VolumeDescription>,
    /// When the source was read: seconds since 1970 by the box's clock.
    pub created: u64,
    /// Of what moment its bytes are.
    #[serde(default, serialize_with = "put_word", deserialize_with = "take_word")]
    pub consistency: Consistency,
    /// What was unusual about it, with the figures.
    #[serde(default)]
    pub signals: Vec<SignalDescription>,
    /// Version of Holdfast that wrote it.
    pub writer: String,
}

/// What the bytes of a [`VolumeDescription`] are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VolumeContent {
    #[default]
    Volume,
    Stream,
}

/// One volume, in the order of the record's references.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeDescription {
    /// Name of the volume.
    pub name: String,
    #[serde(default)]
    pub content: VolumeContent,
    /// Exact bytes; of a volume the last block is filled up with zeroes.
    pub bytes: u64,
    /// Where it came from, for people.
    pub source: String,
    /// Bytes that were not holes.
    pub data_bytes: u64,
    /// Chunks that the store did not have, and their bytes before sealing.
    pub new_chunks: u64,
    pub new_bytes: u64,
    /// Bytes of blocks that differ from the parent's; without a parent all data.
    #[serde(default)]
    pub changed_bytes: u64,
    /// Of these, bytes in chunks that did not shrink.
    #[serde(default)]
    pub dense_bytes: u64,
}

/// Which unusual thing was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignalKind {
    /// Far more changed. Values are bytes.
    Change,
    /// Far more of what changed did not shrink. Values are hundredths of what changed.
    Dense,
}

/// Something unusual about a recovery point, in figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalDescription {
    pub signal: SignalKind,
    pub value: u64,
    /// The median of the system's earlier points; `None` while there were too few.
    pub usual: Option<u64>,
    /// How many times the usual it is, rounded.
    pub factor: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn put_word<S: Serializer>(consistency: &Consistency, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(consistency.as_str())
}

/// A word of a later version means nothing to this one, and the point is opened all the same.
fn take_word<'de, D: Deserializer<'de>>(from: D) -> Result<Consistency, D::Error> {
    let word = String::deserialize(from)?;
    Ok(Consistency::parse(&word).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a point says that was described like this.
    fn consistency(described: &str) -> Consistency {
        let rest = "\"system\":\"s\",\"volumes\":[],\"created\":1,\"writer\":\"w\"";
        let described: Description =
            serde_json::from_str(&format!("{{{described}{rest}}}")).expect("a description");
        let again = serde_json::to_vec(&described).expect("JSON");
        assert_eq!(serde_json::from_slice::<Description>(&again).expect("again"), described);
        described.consistency
    }

    #[test]
    fn points_of_earlier_and_later_versions_open() {
        assert_eq!(consistency(""), Consistency::Unknown);
        assert_eq!(consistency("\"consistency\":\"crash\","), Consistency::Crash);
        assert_eq!(consistency("\"consistency\":\"beyond\","), Consistency::Unknown);
    }
}
