//! Events of the catalog: what a commit says about recovery points, readable without keys.
//!
//! Names and descriptions are not here: they are in the point's own record, sealed. Events that a
//! newer Holdfast made and this one may skip are kept as they are: one that goes back to an older
//! version for a while, and writes, loses nothing.

use model::{Digest, PointId, Sequence, SystemId, TenantId, WallTime};

use crate::FormatError;
use crate::bytes::{Taker, put};
use crate::layout::{Fixed, layout};

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

layout! {
    /// What stands in a checkpoint in front of an event that its writer did not know.
    pub struct KeptEvent = "KeptEvent", 16 bytes {
        /// That of the event, whose first byte it is.
        kind: u8,
        reserved: [u8; 3],
        /// Bytes of the event.
        bytes: u32,
        /// Sequence of the commit that it came with.
        sequence: Sequence,
    }
}

/// Most bytes of the events that a catalog keeps without knowing them, with what stands in front
/// of each: they are in memory and in every checkpoint.
pub const MAX_KEPT_BYTES: usize = 4 << 20;

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

/// Decodes an event; `None` for one that may be skipped, and must be kept.
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

/// The catalog as checkpoints keep it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CatalogRows {
    /// In the order of the log.
    pub points: Vec<PointRow>,
    /// Events that are not known here, as a checkpoint has them.
    kept: Vec<u8>,
}

impl CatalogRows {
    /// Decodes a checkpoint's catalog.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut rows = Self::default();
        let mut rest = bytes;
        while rest.first() == Some(&EVENT_POINT) {
            rows.points.push(Taker::new(rest, NAME).value()?);
            rest = rest.get(PointRow::SIZE..).unwrap_or_default();
        }
        check_kept(rest)?;
        rows.kept.extend_from_slice(rest);
        Ok(rows)
    }

    /// Encodes the catalog for a checkpoint.
    pub fn encode(&self) -> Vec<u8> {
        let room = self.points.len() * PointRow::SIZE + self.kept.len();
        let mut bytes = Vec::with_capacity(room);
        self.points.iter().for_each(|row| put(&mut bytes, row));
        bytes.extend_from_slice(&self.kept);
        bytes
    }

    /// Keeps an event that may be skipped, for a Holdfast that knows it.
    ///
    /// # Errors
    /// When it would be more than [`MAX_KEPT_BYTES`], which no writer lets happen.
    pub fn keep(&mut self, sequence: Sequence, event: &[u8]) -> Result<(), FormatError> {
        let too_much = FormatError::Invalid { structure: NAME, field: "length" };
        let room = MAX_KEPT_BYTES.saturating_sub(self.kept.len());
        let Some(kind) = event.first().filter(|_| KeptEvent::SIZE + event.len() <= room) else {
            return Err(too_much);
        };
        let (kind, bytes) = (*kind, event.len() as u32);
        put(&mut self.kept, &KeptEvent { kind, reserved: [0; 3], bytes, sequence });
        self.kept.extend_from_slice(event);
        Ok(())
    }
}

/// Refuses what is no row of kept events.
fn check_kept(bytes: &[u8]) -> Result<(), FormatError> {
    let mut taker = Taker::new(bytes, NAME);
    if bytes.len() > MAX_KEPT_BYTES {
        return Err(taker.invalid("length"));
    }
    while !taker.is_empty() {
        let header: KeptEvent = taker.value()?;
        let event = taker.bytes(header.bytes as usize)?;
        if header.kind < SKIPPABLE || event.first() != Some(&header.kind) {
            return Err(taker.invalid("kind"));
        }
    }
    Ok(())
}
