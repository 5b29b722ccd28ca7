//! Finishing what an earlier opening left: copies that power loss left bad are rewritten, and
//! segments without a footer get one. Done before the first write of a new epoch; doing it again
//! after a crash in the middle gives the same bytes.

use std::sync::Arc;

use format::segment::{Footer, GROUP_BYTES};
use model::BLOCK;

use crate::Result;
use crate::log::Log;
use crate::members::{lock, padded};
use crate::segments::{Segment, State};
use crate::store::Inner;

impl Inner {
    /// Rewrites copies that recovery found bad while another was good.
    pub(crate) async fn heal_recovered(&self, log: &mut Log) -> Result<()> {
        for heal in std::mem::take(&mut log.heals) {
            let segment = self.segment(heal.place)?;
            let entries = self.entries(&segment).await?;
            if let Some(entry) = entries.get(usize::from(heal.place.record))
                && entry.digest == heal.digest
            {
                self.heal(&segment, entry, heal.member).await?;
            }
        }
        Ok(())
    }

    /// Gives every segment whose writer is gone its footer; forgets those without records.
    pub(crate) async fn seal_recovered(&self) -> Result<()> {
        let all = lock(&self.segments).sorted();
        for segment in all {
            let State::Unsealed { entries, body_end } = &segment.state else { continue };
            if entries.is_empty() {
                lock(&self.segments).remove(segment.place.info.segment);
                self.members.give_slots(&segment.place.slots);
                continue;
            }
            // With a record that is damaged everywhere the segment stays as it is: its entries
            // are in every checkpoint.
            let length = (*body_end as usize).next_multiple_of(BLOCK);
            let Ok(body) = self.canonical(&segment, 0, length).await else { continue };
            let groups: Vec<[u8; 32]> =
                body.chunks(GROUP_BYTES).map(|group| *blake3::hash(group).as_bytes()).collect();
            self.write_footer(&segment, entries, *body_end, &groups).await?;
        }
        Ok(())
    }

    async fn write_footer(
        &self,
        segment: &Segment,
        entries: &Arc<Vec<format::segment::Entry>>,
        body_end: u32,
        groups: &[[u8; 32]],
    ) -> Result<()> {
        let segment_bytes = self.geometry.segment_bytes();
        let info = &segment.place.info;
        let footer =
            Footer::build(self.pool_id, info, segment_bytes, body_end, entries, groups);
        let data = padded(&footer.bytes);
        let at = footer.trailer.entries_offset;
        let slots = segment.place.slots;
        self.members
            .write(&data, |number, member| {
                let slot = *slots.get(number)?;
                (slot < member.geometry.segment_slots()).then(|| member.segment_offset(slot, at))
            })
            .await?;
        let state = State::Sealed {
            records: entries.len() as u32,
            body_end,
            trailer: footer.trailer.checksum,
        };
        lock(&self.segments).insert(Segment { place: segment.place, state });
        Ok(())
    }
}
