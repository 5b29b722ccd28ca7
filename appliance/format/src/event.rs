//! Events of the catalog: what a commit says about recovery points, readable without keys.
//!
//! Names and descriptions are not here: they are in the point's own record, sealed.

use model::{Digest, PointId, Sequence, SystemId, TenantId, WallTime};

use crate::FormatError;
use crate::bytes::{Taker, put};
use crate::layout::layout;

const NAME: &str = "catalog event";

layout! {
    /// A recovery point, as an event and as a row of the catalog in a checkpoint.
    pub struct PointRow = "PointRow", 160 bytes {
        /// 1 for a recovery point. Every event begins with its kind; a reader that meets a kind
        /// below 128 that it does not know must stop, above it may skip the event.
        kind: u8,
        /// What the point is of: 1 volumes. Other numbers are reserved (file trees, streams).
        content: u8,
        volumes: u16,
        reserved: u32,
        point: PointId,
        tenant: TenantId,
        system: SystemId,
        /// Digest of the point's record, whose references are the roots of its volumes.
        record: Digest,
        /// Sequence of the commit that made the point, 0 in the commit itself.
        sequence: Sequence,
        /// When the source was read, by the box's clock.
        created: WallTime,
        /// Bytes of its volumes together.
        logical_bytes: u64,
        /// Bytes that it added to the store.
        added_bytes: u64,
        reserved2: [u8; 40],
    }
}

/// [`PointRow::kind`].
pub const EVENT_POINT: u8 = 1;
/// [`PointRow::content`] of a point that consists of volumes.
pub const CONTENT_VOLUMES: u8 = 1;

/// First event kind that may be skipped by a reader that does not know it.
const SKIPPABLE: u8 = 128;

/// Encodes the event that makes a recovery point known.
pub fn encode_point(row: &PointRow) -> Vec<u8> {
    let mut event = Vec::new();
    put(&mut event, row);
    event
}

/// Decodes an event; `None` for one that may be skipped.
pub fn decode_event(event: &[u8]) -> Result<Option<PointRow>, FormatError> {
    match event.first() {
        Some(&EVENT_POINT) => {
            let mut taker = Taker::new(event, NAME);
            let row = taker.value()?;
            if taker.is_empty() { Ok(Some(row)) } else { Err(taker.invalid("length")) }
        }
        Some(kind) if *kind >= SKIPPABLE => Ok(None),
        _ => Err(FormatError::Invalid { structure: NAME, field: "kind" }),
    }
}

/// Decodes the catalog's rows in a checkpoint.
pub fn decode_catalog(bytes: &[u8]) -> Result<Vec<PointRow>, FormatError> {
    let mut taker = Taker::new(bytes, NAME);
    let mut rows = Vec::new();
    while !taker.is_empty() {
        rows.push(taker.value()?);
    }
    Ok(rows)
}

/// Encodes the catalog's rows for a checkpoint.
pub fn encode_catalog<'a>(rows: impl Iterator<Item = &'a PointRow>) -> Vec<u8> {
    let mut bytes = Vec::new();
    rows.for_each(|row| put(&mut bytes, row));
    bytes
}
