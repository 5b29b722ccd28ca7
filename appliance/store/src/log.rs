//! The log: where it stands, and appending to it.

use format::geometry::LOG_COPIES;
use format::layout::Fixed;
use format::log::{
    Commit, EntryGroup, LogHeader, LogPlace, MAX_LOG_PAYLOAD, SegmentPlace, encode_log_record,
    group_bytes, log_record_bytes,
};
use format::segment::Entry;
use format::superblock::{MAX_MEMBERS, Member as MemberRow};
use model::{BLOCK, Epoch, SegmentId, Sequence};

use crate::filling::Drained;
use crate::members::{Slots, padded};
use crate::planted::{Bug, planted};
use crate::queue::Changes;
use crate::replay::Start;
use crate::store::Inner;
use crate::{Result, StoreError};

/// Where a checkpoint lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CheckpointRef {
    pub(crate) slots: Slots,
    pub(crate) bytes: u32,
    pub(crate) hash: [u8; 32],
}

/// A checkpoint with the slots of all its parts, and where the log goes on after it.
#[derive(Debug, Clone)]
pub(crate) struct Anchor {
    pub(crate) checkpoint: CheckpointRef,
    /// Slots of the parts after the first.
    pub(crate) parts: Vec<Slots>,
    pub(crate) position: u64,
    pub(crate) sequence: Sequence,
    pub(crate) previous: [u8; 32],
}

/// Blocks of a segment that recovery found bad on one disk while another was good. Offset and
/// length are in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heal {
    pub(crate) segment: SegmentId,
    pub(crate) start: u32,
    pub(crate) length: usize,
    pub(crate) member: usize,
}

/// State of the log, guarded by a lock that is held over a whole commit.
#[derive(Debug)]
pub(crate) struct Log {
    /// Of the newest superblock.
    pub(crate) generation: u64,
    /// Highest epoch that anything on the disks belongs to.
    pub(crate) epoch: Epoch,
    /// Features that anybody may ignore: whoever knows them finds them again.
    pub(crate) compat: u64,
    pub(crate) members: [MemberRow; MAX_MEMBERS],
    /// What the newest superblock refers to.
    pub(crate) anchor: Anchor,
    /// What the superblock before it refers to: kept until the next one is durable.
    pub(crate) before: Option<Anchor>,
    /// Slots, with the numbers of their disks, that only an older superblock of that disk refers
    /// to: kept until it has a newer one.
    pub(crate) strays: Vec<(usize, u32)>,
    /// Where the next record goes.
    pub(crate) position: u64,
    /// What the next record is numbered.
    pub(crate) next: Sequence,
    pub(crate) previous: [u8; 32],
    /// Highest sequence that is durable.
    pub(crate) durable: Sequence,
    /// Recovery found a last commit that nothing proves to be durable.
    pub(crate) unproved: bool,
    pub(crate) heals: Vec<Heal>,
    /// Disks without the newest superblock, and where their own says that the log goes on.
    pub(crate) lagging: Vec<(usize, Start)>,
    /// Records that some disk does not have.
    pub(crate) lacked: Vec<LogHeader>,
}

impl Anchor {
    /// Slots of all its parts.
    pub(crate) fn slots(&self) -> impl Iterator<Item = &Slots> {
        std::iter::once(&self.checkpoint.slots).chain(&self.parts)
    }
}

impl Log {
    /// Start of the oldest record that a superblock refers to.
    pub(crate) fn floor(&self) -> u64 {
        self.before.as_ref().map_or(self.anchor.position, |before| before.position)
    }
}

impl Inner {
    /// Most payload bytes of a log record: an eighth of the ring, so that two checkpoint
    /// intervals and what comes while a checkpoint is written fit.
    pub(crate) fn commit_bytes(&self) -> usize {
        max_payload(self.geometry.log_bytes())
    }

    /// Whether the log since the newest checkpoint has grown enough for another: two such
    /// stretches and the rounds that end them fit into the ring.
    pub(crate) fn wants_checkpoint(&self, log: &Log) -> bool {
        let ring = self.geometry.log_bytes();
        let most = log_record_bytes(self.commit_bytes()) as u64;
        let stretch = (ring.saturating_sub(5 * most) / 2).max(ring / 6);
        log.position - log.anchor.position > stretch && !planted(Bug::LogOverrun)
    }

    /// Log bytes that a round of commits takes as a rule: what is pending when writers ask for a
    /// commit, what comes meanwhile, and events, are at most two records.
    pub(crate) fn round_bytes(&self) -> u64 {
        2 * log_record_bytes(self.commit_bytes()) as u64
    }

    /// Log bytes that these commits take.
    pub(crate) fn bytes_of(&self, commits: &[Commit]) -> u64 {
        let records = commits.iter().map(|commit| log_record_bytes(commit.payload_bytes()));
        records.sum::<usize>().max(log_record_bytes(0)) as u64
    }

    /// Makes sure that `bytes` more fit into the ring without touching what the newest superblock
    /// and the one before refer to.
    pub(crate) async fn make_log_room(&self, log: &mut Log, bytes: u64) -> Result<()> {
        let ring = self.geometry.log_bytes();
        // At the end of a lap up to a record's length is left empty.
        let needed = bytes + log_record_bytes(self.commit_bytes()) as u64;
        let fits = |log: &Log| log.position + needed <= log.floor() + ring;
        for _ in 0..2 {
            if !fits(log) && !planted(Bug::LogOverrun) {
                self.checkpoint(log, false).await?;
            }
        }
        if fits(log) || planted(Bug::LogOverrun) { Ok(()) } else { Err(StoreError::Full) }
    }

    /// Writes a record to both rings of every disk. Durable after the next flush.
    pub(crate) async fn append_log(&self, log: &mut Log, commit: Option<&Commit>) -> Result<()> {
        let payload = commit.map_or(0, Commit::payload_bytes);
        let limit = self.commit_bytes();
        if payload > limit {
            return Err(StoreError::TooLarge { what: "a commit", bytes: payload, limit });
        }
        let ring = self.geometry.log_bytes();
        let position = fit(log.position, log_record_bytes(payload) as u64, ring);
        let place = LogPlace {
            pool_id: self.pool_id,
            epoch: self.current_epoch(),
            sequence: log.next,
            position,
            durable_up_to: log.durable,
            previous: log.previous,
        };
        let record = encode_log_record(&place, commit);
        let data = padded(&record.bytes);
        for copy in 0..if planted(Bug::LogOnce) { 1 } else { LOG_COPIES } {
            let at = position % ring;
            self.members
                .write(&data, |_, member| Some(member.geometry.log_offset(copy) + at))
                .await?;
        }
        log.position = position + record.bytes.len() as u64;
        log.next = log.next.next();
        log.previous = record.hash;
        Ok(())
    }
}

/// Most payload bytes of one record in a ring of this size.
pub(crate) fn max_payload(ring: u64) -> usize {
    (ring as usize / 8 / BLOCK * BLOCK - LogHeader::SIZE).min(MAX_LOG_PAYLOAD)
}

/// Where a record of `bytes` goes: a record never wraps around the end of the ring.
pub(crate) fn fit(position: u64, bytes: u64, ring: u64) -> u64 {
    if position % ring + bytes <= ring { position } else { position.next_multiple_of(ring) }
}

/// Cuts what the writers hand over into commits of at most `limit` payload bytes. The changes are
/// in the last, so that they are durable only with everything before them.
pub(crate) fn split(drained: &[Drained], mut changes: Changes, limit: usize) -> Vec<Commit> {
    let mut commits = vec![Commit::default()];
    let mut room = limit;
    let mut next = |commits: &mut Vec<Commit>, bytes: usize, put: &mut dyn FnMut(&mut Commit)| {
        if bytes > room {
            commits.push(Commit::default());
            room = limit;
        }
        room = room.saturating_sub(bytes);
        if let Some(commit) = commits.last_mut() {
            put(commit);
        }
    };
    for drained in drained {
        for place in &drained.opened {
            next(&mut commits, 8 + SegmentPlace::SIZE, &mut |commit| commit.opened.push(*place));
        }
        let most = (limit - group_bytes(0)) / Entry::SIZE;
        for group in drained.groups.iter().flat_map(|group| cut(group, most)) {
            let bytes = group_bytes(group.entries.len());
            next(&mut commits, bytes, &mut |commit| commit.groups.push(group.clone()));
        }
        for closed in &drained.closed {
            next(&mut commits, 48, &mut |commit| commit.sealed.push(closed.sealed));
        }
    }
    // All of them in one record: those of one caller are there together or not at all.
    next(&mut commits, changes.bytes(), &mut |commit| {
        let Changes { events, retired, released, copied } = std::mem::take(&mut changes);
        (commit.events, commit.retired) = (events, retired);
        (commit.released, commit.copied) = (released, copied);
    });
    commits
}

/// Pieces of a group with at most `most` entries each.
fn cut(group: &EntryGroup, most: usize) -> Vec<EntryGroup> {
    let mut first_record = group.header.first_record;
    let pieces = group.entries.chunks(most.max(1)).map(|entries| {
        let body_end = entries.last().map_or(0, |entry| entry.offset + entry.length);
        let count = entries.len() as u32;
        let header = format::log::GroupHeader { first_record, count, body_end, ..group.header };
        first_record += count;
        EntryGroup { header, entries: entries.to_vec() }
    });
    pieces.collect()
}

#[cfg(test)]
mod tests {
    use format::log::GroupHeader;
    use format::segment::SegmentInfo;

    use super::*;

    fn drained(segment: u64, records: u32) -> Drained {
        let mut info = SegmentInfo::load(&[0; SegmentInfo::SIZE]);
        info.segment = SegmentId(segment);
        let entry = |record: u32| {
            let mut entry = Entry::load(&[0; Entry::SIZE]);
            (entry.offset, entry.length) = (4096 + record * 10, 10);
            entry
        };
        let entries: Vec<Entry> = (0..records).map(entry).collect();
        let header = GroupHeader {
            segment: info.segment,
            first_record: 5,
            count: records,
            body_end: 4096 + records * 10,
            reserved: 0,
        };
        Drained {
            opened: vec![SegmentPlace { info, slots: [0; MAX_MEMBERS] }],
            groups: vec![EntryGroup { header, entries }],
            ..Drained::default()
        }
    }

    #[test]
    fn what_does_not_fit_a_record_is_cut_and_all_events_come_last_together() {
        let parts = [drained(1, 150), drained(2, 20), drained(3, 300)];
        let events = vec![vec![1; 1500], vec![2; 1500]];
        let limit = 8000;
        let changes = Changes { events: events.clone(), ..Changes::default() };
        let commits = split(&parts, changes, limit);
        assert!(commits.iter().all(|commit| commit.payload_bytes() <= limit));
        let with_events: Vec<_> = commits.iter().map(|commit| commit.events.len()).collect();
        assert_eq!(with_events.iter().sum::<usize>(), 2);
        assert_eq!(commits.last().map(|commit| &commit.events), Some(&events));
        for part in &parts {
            let whole = &part.groups[0];
            let id = whole.header.segment;
            let mut next = 5;
            let mut entries = Vec::new();
            for group in commits.iter().flat_map(|commit| &commit.groups) {
                if group.header.segment == id {
                    assert_eq!(group.header.first_record, next);
                    next += group.header.count;
                    entries.extend(&group.entries);
                    let end = entries.last().map_or(0, |entry: &Entry| entry.offset + 10);
                    assert_eq!(group.header.body_end, end);
                }
            }
            assert_eq!(entries, whole.entries);
        }
        let first = |commit: &Commit| commit.opened.first().map(|place| place.info.segment);
        assert_eq!(commits.first().and_then(first), Some(SegmentId(1)));
    }

    #[test]
    fn a_record_never_wraps_around_the_end_of_the_ring() {
        assert_eq!([fit(0, 100, 100), fit(60, 40, 100), fit(61, 40, 100)], [0, 60, 100]);
    }
}
