//! Why bytes are not what FORMAT.md says they are.

/// A structure that could not be decoded. Nothing was changed by trying.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// Another kind of thing, or nothing at all, lies here.
    #[error("no {structure} here")]
    Absent { structure: &'static str },
    /// The bytes are of this kind but not what was written.
    #[error("{structure} is damaged (checksum differs)")]
    Damaged { structure: &'static str },
    /// Intact, but it belongs to another place, pool or time: a misdirected or stale write.
    #[error("{structure} belongs elsewhere")]
    Misplaced { structure: &'static str },
    /// Intact, but written by a newer Holdfast.
    #[error("{structure} has format version {found}; this Holdfast reads up to {supported}")]
    Newer { structure: &'static str, found: u16, supported: u16 },
    /// Intact, but needs features that this Holdfast does not know.
    #[error("{structure} needs unknown features {bits:#x}")]
    UnknownFeatures { structure: &'static str, bits: u64 },
    /// Intact, but a field has a value that no writer produces.
    #[error("{structure} has an impossible {field}")]
    Invalid { structure: &'static str, field: &'static str },
}
