//! Segments whose older records would be compressed better.
//!
//! How a record is compressed stands inside its seal. So a few records of each segment are opened;
//! what they would save is what the segment would. Nothing is remembered: what has been compressed
//! once, or does not shrink, shows the same sample again and stays.

use std::collections::HashSet;

use format::segment::{Entry, RecordKind};
use model::Digest;

use crate::index::Place;
use crate::reclaim::{Moving, Reclaim, ReclaimOptions, Reclaiming, Resealer};
use crate::segments::{Segment, number};
use crate::store::Store;
use crate::{Result, StoreError};

/// Records of a segment that are opened to see what compressing them again saves.
const SAMPLED: usize = 8;

/// Percent of what is needed of a segment that must be saved for the rest to move as well.
const LEAST_SAVED_PERCENT: u64 = 10;

impl Reclaim<'_> {
    /// Looks for segments with chunks that the points of [`arrange`](Self::arrange) do not need
    /// and that would be compressed better; from here on such chunks are whenever they move. To be
    /// called after `arrange`, with the same options. `go_on` is asked from time to time.
    ///
    /// # Errors
    /// `Interrupted`, or what a disk says. What cannot be opened is left alone.
    pub async fn squeeze(
        &mut self,
        options: &ReclaimOptions,
        resealer: &mut dyn Resealer,
        go_on: &mut (dyn FnMut(Reclaiming) -> bool + Send),
    ) -> Result<()> {
        self.arrangement.squeezes = true;
        let chosen: HashSet<u32> =
            self.chosen(options).iter().map(|victim| victim.number).collect();
        let mut room = self.spare_bytes(options);
        let mut squeezed = Vec::new();
        for segment in &self.sealed {
            self.ask(go_on)?;
            let victim = self.weigh(segment);
            if chosen.contains(&victim.number) || victim.live_bytes > room {
                continue;
            }
            match self.saving(segment, resealer).await {
                Ok(saved) if saved * 100 >= victim.live_bytes * LEAST_SAVED_PERCENT => {
                    if saved > 0 && victim.fits(&mut room) {
                        squeezed.push(victim.number);
                    }
                }
                Ok(_) | Err(StoreError::Damaged { .. } | StoreError::DamagedStructure { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        self.arrangement.squeezed.extend(squeezed);
        Ok(())
    }

    /// About how many bytes a segment would be smaller.
    async fn saving(&self, segment: &Segment, resealer: &mut dyn Resealer) -> Result<u64> {
        let cold = self.cold_chunks(segment).await?;
        let step = cold.len().div_ceil(SAMPLED).max(1);
        let sample: Vec<Digest> = cold.iter().step_by(step).map(|entry| entry.digest).collect();
        let mut opened = Vec::with_capacity(sample.len());
        let store = Store { inner: self.inner.clone() };
        store
            .read_batch(&sample, |_, view| {
                let (digest, tenant) = (view.digest, view.info.tenant);
                opened.extend(resealer.open(view).map(|plain| (digest, tenant, plain)));
                // Only looked at: whether it is right will be seen when it moves.
                true
            })
            .await?;
        let (mut before, mut after) = (0, 0);
        for (digest, tenant, plain) in opened {
            let record = Moving { kind: RecordKind::Chunk, digest, refs: &[] };
            let smaller = resealer.squeeze(tenant, &record, &plain);
            before += plain.len() as u64;
            after += smaller.map_or(plain.len(), |smaller| smaller.len()) as u64;
        }
        let bytes: u64 = cold.iter().map(|entry| u64::from(entry.length)).sum();
        Ok(bytes * before.saturating_sub(after) / before.max(1))
    }

    /// Chunks of a segment that are needed, but not by the newest points.
    async fn cold_chunks(&self, segment: &Segment) -> Result<Vec<Entry>> {
        let number = number(segment.place.info.segment);
        let live = self.live.of(number);
        if live.count() == 0 {
            return Ok(Vec::new());
        }
        let entries = self.inner.entries(segment).await?;
        let numbered = entries.iter().zip(0_u16..);
        let cold = numbered.filter(|(entry, record)| {
            let place = Place { segment: number, record: *record };
            entry.kind == RecordKind::Chunk as u8
                && live.has(*record)
                && !self.arrangement.is_hot(place)
        });
        Ok(cold.map(|(entry, _)| *entry).collect())
    }
}
