//! Marking: which records something needs, found from the recovery points down by the references
//! that stand in the clear. Nothing is decrypted and no clock is asked.

use std::collections::HashMap;
use std::sync::Arc;

use format::segment::{Entry, RecordKind};
use futures_util::{StreamExt, TryStreamExt, stream};
use model::Digest;

use crate::duty::Duty;
use crate::index::Place;
use crate::store::Inner;
use crate::uses::Records;
use crate::{Result, StoreError};

/// Records with references that are read at once.
const READS_IN_FLIGHT: usize = 8;

/// Records that something needs, by segment: one bit each.
#[derive(Debug, Default)]
pub(crate) struct Live {
    segments: HashMap<u32, Records>,
    /// How far marking came.
    pub(crate) marked: Marked,
}

/// How far marking came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marked {
    /// Records that are needed.
    pub records: u64,
    /// Of these, manifest records that were read.
    pub manifests: u64,
    /// Chunks that are needed and not there: they were lost before.
    pub missing: u64,
}

impl Live {
    /// Records of a segment that are needed.
    pub(crate) fn of(&self, segment: u32) -> Records {
        self.segments.get(&segment).cloned().unwrap_or_default()
    }

    /// Adds all copies of a record, since any but one may turn out to be bad; true if one was new.
    fn add_all(&mut self, places: &[(Place, Entry)]) -> bool {
        places.iter().fold(false, |new, (place, _)| self.add(*place) || new)
    }

    /// Adds a record; true if it was not there.
    fn add(&mut self, place: Place) -> bool {
        let new = self.segments.entry(place.segment).or_default().add(place.record);
        self.marked.records += u64::from(new);
        new
    }
}

impl Inner {
    /// Everything that these records lead to. `go_on` is asked before each batch.
    ///
    /// # Errors
    /// When any record with references cannot be read: then nothing is known, and nothing may be
    /// taken away.
    pub(crate) async fn mark(
        self: &Arc<Self>,
        roots: Vec<Digest>,
        duty: Duty<'_>,
        go_on: &mut dyn FnMut(Marked) -> bool,
    ) -> Result<Live> {
        let mut live = Live::default();
        let mut waiting = roots;
        while !waiting.is_empty() {
            if !go_on(live.marked) {
                return Err(StoreError::Interrupted);
            }
            let begun = duty.begin(self);
            let batch = waiting.split_off(waiting.len().saturating_sub(READS_IN_FLIGHT));
            let mut parents = Vec::new();
            for digest in batch {
                let places = self.find_all(&digest).await?;
                let Some((_, entry)) = places.first() else {
                    return Err(StoreError::Unknown { digest });
                };
                let chunk = entry.kind == RecordKind::Chunk as u8;
                if live.add_all(&places) && !chunk {
                    parents.push((digest, *entry));
                }
            }
            let read = stream::iter(parents).map(|(digest, entry)| self.references(digest, entry));
            let read: Vec<_> = read.buffer_unordered(READS_IN_FLIGHT).try_collect().await?;
            for (kind, references) in read {
                live.marked.manifests += 1;
                match kind {
                    Some(RecordKind::Leaf) => {
                        for digest in references {
                            self.mark_chunk(&mut live, &digest).await?;
                        }
                    }
                    _ => waiting.extend(references),
                }
            }
            duty.rest(begun, self).await;
        }
        Ok(live)
    }

    async fn references(
        self: &Arc<Self>,
        digest: Digest,
        entry: Entry,
    ) -> Result<(Option<RecordKind>, Vec<Digest>)> {
        let record = self.read(&digest).await?;
        Ok((RecordKind::from_number(entry.kind), record.ref_list()))
    }

    /// A chunk has no references: where it lies need not be read if the index leaves no doubt.
    async fn mark_chunk(self: &Arc<Self>, live: &mut Live, digest: &Digest) -> Result<()> {
        let mut candidates = self.index.candidates(digest).into_iter();
        match (candidates.next(), candidates.next()) {
            (Some(place), None) => drop(live.add(place)),
            (None, _) => live.marked.missing += 1,
            _ => match self.find_all(digest).await?.as_slice() {
                [] => live.marked.missing += 1,
                places => drop(live.add_all(places)),
            },
        }
        Ok(())
    }
}
