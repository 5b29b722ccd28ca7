//! Reading the log back: which records are there, which of them are whole, and whether any that
//! was durable is missing.
//!
//! The run of records goes from the checkpoint to the first that is not there. What ended it is
//! told apart by evidence: each record says how far the log was durable when it was written. A
//! record that was durable and is gone is damage and is reported; only what nothing proves
//! durable may be a write that power loss cut short (rule: never truncate what was acknowledged).

use disk::DiskError;
use format::geometry::LOG_COPIES;
use format::log::{Commit, LogHeader, log_record_bytes};
use format::superblock::Superblock;
use model::{BLOCK, Epoch, Sequence};

use crate::log::max_payload;
use crate::members::Member;
use crate::planted::{Bug, planted};
use crate::store::Inner;
use crate::{Result, StoreError};

/// What is read of the log at once before a record's length is known.
const FIRST_READ: u64 = 16 * 1024;

/// Positions, sequences and epochs are below this in any pool that lived: sums with what is read
/// from a disk cannot overflow.
pub(crate) const FAR: u64 = 1 << 60;

/// One record of the run.
pub(crate) struct Replayed {
    pub(crate) header: LogHeader,
    pub(crate) commit: Option<Commit>,
    /// Disks that have it in neither of their copies.
    pub(crate) lacking: Vec<usize>,
}

/// The run, and what was seen behind its end.
pub(crate) struct Run {
    pub(crate) records: Vec<Replayed>,
    /// Highest sequence that anything proves durable.
    pub(crate) proved: Sequence,
    /// Highest sequence and epoch that were ever used, as far as can be seen.
    pub(crate) highest: Sequence,
    pub(crate) epoch: Epoch,
    /// Where the log goes on.
    pub(crate) position: u64,
    pub(crate) previous: [u8; 32],
}

impl Run {
    /// A run of no records.
    pub(crate) fn empty(start: Start) -> Self {
        let last = Sequence(start.sequence.0.saturating_sub(1));
        Self {
            records: Vec::new(),
            proved: last,
            highest: last,
            epoch: start.epoch,
            position: start.position,
            previous: start.previous,
        }
    }

    /// Goes on behind a record.
    pub(crate) fn pass(&mut self, header: &LogHeader) {
        self.position = header.position + header.record_bytes() as u64;
        self.previous = header.hash;
        self.highest = header.sequence;
        self.epoch = header.epoch;
        self.proved = self.proved.max(header.durable_up_to);
    }

    /// Hash of the last record that is proved durable, if it is numbered `first` or higher.
    pub(crate) fn last_proved(&self, first: Sequence) -> Option<[u8; 32]> {
        let proved = |record: &&Replayed| record.header.sequence <= self.proved;
        let last = self.records.iter().rfind(proved).map(|record| record.header);
        last.filter(|header| header.sequence >= first).map(|header| header.hash)
    }

    /// Takes it as proved that the log was durable up to the record with this hash.
    ///
    /// # Errors
    /// `DamagedLog` when the run does not reach it.
    fn prove(&mut self, start: Start, hash: &[u8; 32]) -> Result<()> {
        if start.previous == *hash {
            return Ok(());
        }
        let known = self.records.iter().find(|record| record.header.hash == *hash);
        let sequence = known.map(|record| record.header.sequence);
        self.proved = self
            .proved
            .max(sequence.ok_or(StoreError::DamagedLog { sequence: self.highest.next() })?);
        Ok(())
    }
}

/// Where a run begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    pub(crate) position: u64,
    pub(crate) sequence: Sequence,
    pub(crate) previous: [u8; 32],
    pub(crate) epoch: Epoch,
}

impl Start {
    /// Where the log goes on behind the checkpoint that a superblock refers to.
    pub(crate) fn of(superblock: &Superblock) -> Self {
        Self {
            position: superblock.replay_position,
            sequence: superblock.replay_sequence,
            previous: superblock.replay_previous,
            epoch: superblock.epoch,
        }
    }
}

impl Inner {
    /// Reads the run that begins after a checkpoint. It is known to reach the record with the
    /// hash `reaches`.
    ///
    /// # Errors
    /// `DamagedLog` when a durable record is in none of the copies.
    pub(crate) async fn read_run(&self, start: Start, reaches: &[u8; 32]) -> Result<Run> {
        let mut run = Run::empty(start);
        while let Some(record) = self.next_record(&run, None).await {
            run.pass(&record.header);
            run.records.push(record);
        }
        let last = run.highest;
        if !planted(Bug::NoLookBehind) {
            self.look_behind(&mut run).await;
        }
        if run.proved > last && !planted(Bug::NoLookBehind) {
            return Err(StoreError::DamagedLog { sequence: last.next() });
        }
        run.prove(start, reaches)?;
        Ok(run)
    }

    /// Whether a disk has every record from `start` to the one with this hash.
    pub(crate) async fn has_log(&self, number: usize, start: Start, hash: &[u8; 32]) -> bool {
        let mut run = Run::empty(start);
        while run.previous != *hash {
            let Some(record) = self.next_record(&run, Some(number)).await else { return false };
            run.pass(&record.header);
        }
        true
    }

    /// The record that continues the run, on any disk or on one: at its end, or at the start of
    /// the next lap when it did not fit there.
    pub(crate) async fn next_record(&self, run: &Run, only: Option<usize>) -> Option<Replayed> {
        let ring = self.geometry.log_bytes();
        let next_lap = run.position.next_multiple_of(ring);
        for position in [run.position, next_lap] {
            if let Some(record) = self.record_at(run, position, only).await {
                return Some(record);
            }
            if next_lap == run.position {
                break;
            }
        }
        None
    }

    /// The record at a position, if it continues the run: the first whole copy of it.
    async fn record_at(&self, run: &Run, position: u64, only: Option<usize>) -> Option<Replayed> {
        let mut found: Option<Replayed> = None;
        let mut lacking = Vec::new();
        let wanted = |(number, _): &(usize, &Member)| only.is_none_or(|only| only == *number);
        for (number, member) in self.members.readers().filter(wanted) {
            let mut has = false;
            for copy in 0..LOG_COPIES {
                let Some((header, commit)) = self.read_record(member, copy, position).await else {
                    continue;
                };
                let same = found.as_ref().is_none_or(|found| found.header.hash == header.hash);
                if continues(run, &header) && same {
                    found.get_or_insert(Replayed { header, commit, lacking: Vec::new() });
                    has = true;
                    break;
                }
            }
            if !has {
                lacking.push(number);
            }
        }
        found.map(|found| Replayed { lacking, ..found })
    }

    /// One copy of the record at a position, if it is whole.
    pub(crate) async fn read_record(
        &self,
        member: &Member,
        copy: u8,
        position: u64,
    ) -> Option<(LogHeader, Option<Commit>)> {
        let ring = self.geometry.log_bytes();
        let room = ring - position % ring;
        let first = self.read_ring(member, copy, position, room.min(FIRST_READ)).await.ok()?;
        let header = LogHeader::decode(&first, self.pool_id, position).ok()?;
        let length = header.record_bytes() as u64;
        let commit = match length {
            _ if length > room => return None,
            _ if length as usize <= first.len() => header.commit(&first),
            _ => header.commit(&self.read_ring(member, copy, position, length).await.ok()?),
        };
        Some((header, commit.ok()?))
    }

    pub(crate) async fn read_ring(
        &self,
        member: &Member,
        copy: u8,
        position: u64,
        length: u64,
    ) -> Result<disk::Buffer, DiskError> {
        let at = position % self.geometry.log_bytes();
        member.read(member.geometry.log_offset(copy) + at, length as usize).await
    }

    /// Looks for headers behind the end of the run: what they say was durable, and which numbers
    /// were used. As far as two records and the gap at the end of a lap reach.
    async fn look_behind(&self, run: &mut Run) {
        let ring = self.geometry.log_bytes();
        let window = (3 * log_record_bytes(max_payload(ring)) as u64).min(ring);
        let (from, last) = (run.position, run.highest);
        for copy in 0..LOG_COPIES {
            for (_, member) in self.members.readers() {
                let mut position = from;
                while position < from + window {
                    let room = (ring - position % ring).min(from + window - position);
                    let bytes = self.read_ring(member, copy, position, room).await;
                    let blocks = bytes.iter().flat_map(|bytes| bytes.chunks_exact(BLOCK));
                    let places = (position..).step_by(BLOCK);
                    let headers = places
                        .zip(blocks)
                        .filter_map(|(at, block)| LogHeader::decode(block, self.pool_id, at).ok());
                    for header in headers.filter(|header| header.sequence > last && is_near(header))
                    {
                        run.proved = run.proved.max(header.durable_up_to);
                        run.highest = run.highest.max(header.sequence);
                        run.epoch = run.epoch.max(header.epoch);
                    }
                    position += room;
                }
            }
        }
    }
}

fn continues(run: &Run, header: &LogHeader) -> bool {
    let later = header.sequence > run.highest && header.epoch >= run.epoch;
    header.previous == run.previous && later && is_near(header) || planted(Bug::StaleTail)
}

fn is_near(header: &LogHeader) -> bool {
    [header.sequence.0, header.durable_up_to.0, header.epoch.0].iter().all(|number| *number < FAR)
}
