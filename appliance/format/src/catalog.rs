//! The catalog as checkpoints keep it.
//!
//! Events that a newer Holdfast made and this one may skip are kept as they are: one that goes back
//! to an older version for a while, and writes, loses nothing.

use model::Sequence;

use crate::FormatError;
use crate::bytes::{Taker, put};
use crate::event::{Event, NAME, SKIPPABLE};
use crate::layout::{Fixed, layout};

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

/// Everything that a catalog knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CatalogRows {
    /// Those that this version knows, in the order of the log.
    pub events: Vec<Event>,
    /// Those that it does not, as a checkpoint has them.
    kept: Vec<u8>,
}

impl CatalogRows {
    /// Decodes a checkpoint's catalog.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut rows = Self::default();
        let mut rest = bytes;
        while let Some(kind) = rest.first().filter(|kind| **kind < SKIPPABLE) {
            let mut taker = Taker::new(rest, NAME);
            let event = Event::take(&mut taker, *kind)?.ok_or(taker.invalid("kind"))?;
            rows.events.push(event);
            rest = taker.rest();
        }
        check_kept(rest)?;
        rows.kept.extend_from_slice(rest);
        Ok(rows)
    }

    /// Encodes the catalog for a checkpoint.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.events.iter().for_each(|event| event.put(&mut bytes));
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
