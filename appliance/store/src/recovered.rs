//! Finishing what an earlier opening left: copies that power loss left bad are rewritten, and
//! segments without a footer get one. Done before the first write of a new epoch; doing it again
//! after a crash in the middle gives the same bytes.

use format::segment::{Entry, Footer, GROUP_BYTES};
use model::BLOCK;

use crate::log::{Heal, Log};
use crate::members::{lock, padded};
use crate::replay::{Run, Start};
use crate::segments::{Segment, State, number};
use crate::store::Inner;
use crate::structures::Found;
use crate::{Result, StoreError};

impl Inner {
    pub(crate) async fn finish_recovered(&self, log: &mut Log) -> Result<()> {
        self.heal_all(std::mem::take(&mut log.heals)).await;
        for header in std::mem::take(&mut log.lacked) {
            self.scrub_record(&header, &mut Found::default()).await;
        }
        for (number, start) in std::mem::take(&mut log.lagging) {
            self.catch_up(number, start, &log.anchor.previous).await;
        }
        // What no disk has intact is for reads to report.
        let _ = self.heal_keys().await;
        self.seal_recovered().await
    }

    async fn heal_all(&self, heals: Vec<Heal>) {
        for heal in heals {
            let segment = lock(&self.segments).get(number(heal.segment)).cloned();
            if let Some(segment) = segment {
                // What the good copy has lost meanwhile is found when it is read; a disk that
                // cannot be healed is out of service now.
                let _ = self.heal_range(&segment, heal.start, heal.length, heal.member).await;
            }
        }
    }

    /// Looks at everything that a disk may lack which has missed the newest superblock: the
    /// records of the log since its own, and what recovery wrote outside the log.
    async fn catch_up(&self, member: usize, start: Start, end: &[u8; 32]) {
        let mut run = Run::empty(start);
        while run.previous != *end {
            let Some(record) = self.next_record(&run, None).await else { return };
            if let Some(commit) = &record.commit
                && let Some(heals) = self.check_commit(commit).await
            {
                self.heal_all(heals).await;
            }
            run.pass(&record.header);
        }
        let segments = lock(&self.segments).sorted();
        for segment in segments {
            let State::Sealed { trailer, .. } = &segment.state else { continue };
            let Some((disk, slot)) = self.holder(&segment, member) else { continue };
            if self.read_footer(disk, slot, &segment, trailer).await.is_err() {
                let _ = self.heal_footer(&segment, trailer, member).await;
            }
        }
    }

    /// Gives every segment whose writer is gone its footer; forgets those without records.
    async fn seal_recovered(&self) -> Result<()> {
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
            if let Ok(footer) = self.make_footer(&segment, entries, *body_end).await {
                self.write_footer(&segment, &footer).await?;
            }
        }
        Ok(())
    }

    /// The footer of a segment whose records are intact.
    pub(crate) async fn make_footer(
        &self,
        segment: &Segment,
        entries: &[Entry],
        body_end: u32,
    ) -> Result<Footer> {
        let length = (body_end as usize).next_multiple_of(BLOCK);
        let body = self.canonical(segment, 0, length).await?;
        let groups: Vec<[u8; 32]> =
            body.chunks(GROUP_BYTES).map(|group| *blake3::hash(group).as_bytes()).collect();
        let (info, room) = (&segment.place.info, self.geometry.segment_bytes());
        Ok(Footer::build(self.pool_id, info, room, body_end, entries, &groups))
    }

    async fn write_footer(&self, segment: &Segment, footer: &Footer) -> Result<()> {
        let data = padded(&footer.bytes);
        let at = footer.trailer.entries_offset;
        self.members
            .write(&data, |number, _| {
                let (member, slot) = self.holder(segment, number)?;
                Some(member.segment_offset(slot, at))
            })
            .await?;
        let state = State::Sealed {
            records: footer.trailer.records,
            body_end: footer.trailer.body_end,
            trailer: footer.trailer.checksum,
        };
        lock(&self.segments).insert(Segment { place: segment.place, state });
        Ok(())
    }
}

/// Refuses a list of records that could not be the contents of a segment: what comes from a disk
/// may be anything.
pub(crate) fn check_entries(entries: &[Entry], body_end: u32, segment_bytes: u32) -> Result<()> {
    let damaged = StoreError::DamagedStructure { structure: "list of records" };
    let mut end = BLOCK as u64;
    for entry in entries {
        let refs = u64::from(entry.refs) * 32;
        if u64::from(entry.offset) < end || refs > u64::from(entry.length) {
            return Err(damaged);
        }
        end = u64::from(entry.offset) + u64::from(entry.length);
    }
    let groups = (body_end as usize).div_ceil(GROUP_BYTES);
    let footer = format::segment::footer_bytes(entries.len(), groups) as u64;
    let fits = u64::from(body_end).next_multiple_of(BLOCK as u64) + footer;
    if !entries.is_empty() && end != u64::from(body_end) || fits > u64::from(segment_bytes) {
        return Err(damaged);
    }
    Ok(())
}
