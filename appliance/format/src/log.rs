//! The log: one record for each commit, chained by hash, in a ring that every disk holds twice.

use model::{BLOCK, Epoch, PoolId, SegmentId, Sequence};

use crate::FormatError;
use crate::bytes::{Taker, put};
use crate::layout::{Fixed, layout};
use crate::segment::{Entry, MAX_RECORDS, SegmentInfo};
use crate::superblock::{FORMAT_VERSION, MAX_MEMBERS};

/// Most payload bytes of one log record: 16,000 records, far above what a commit gathers.
pub const MAX_LOG_PAYLOAD: usize = 1 << 20;

const MAGIC: [u8; 8] = *b"HFLOGREC";
const NAME: &str = "log record";

layout! {
    /// Start of every log record; the payload follows, then zeroes up to a whole block.
    pub struct LogHeader = "LogHeader", 192 bytes {
        magic: [u8; 8],
        version: u16,
        /// 1 commit, 2 close: a record without payload that says how far the log is durable.
        kind: u8,
        reserved: [u8; 5],
        pool_id: PoolId,
        epoch: Epoch,
        sequence: Sequence,
        /// Bytes written to the log before this record, over the life of the pool. Its place in
        /// the ring is this modulo the ring's bytes.
        position: u64,
        /// Highest sequence known to be durable when this record was written.
        durable_up_to: Sequence,
        payload_bytes: u32,
        reserved2: u32,
        /// `hash` of the record before.
        previous: [u8; 32],
        reserved3: [u8; 40],
        /// BLAKE3 of everything above, then the payload.
        hash: [u8; 32],
        /// First 16 bytes of the BLAKE3 of everything above: lets a header be believed when its
        /// payload is torn.
        checksum: [u8; 16],
    }
}

/// [`LogHeader::kind`] of a commit.
pub const LOG_COMMIT: u8 = 1;
/// [`LogHeader::kind`] of a record that only tells how far the log is durable.
pub const LOG_CLOSE: u8 = 2;

layout! {
    /// Start of each section of a payload.
    pub struct SectionHeader = "SectionHeader", 8 bytes {
        kind: u32,
        /// Bytes of the section after this header.
        bytes: u32,
    }
}

layout! {
    /// Section 1: a segment that was opened, and its slot on each member.
    pub struct SegmentPlace = "SegmentPlace", 104 bytes {
        info: SegmentInfo,
        /// `u32::MAX` where the member has no copy.
        slots: [u32; MAX_MEMBERS],
    }
}

layout! {
    /// Section 2: records of one segment, whose entries follow.
    pub struct GroupHeader = "GroupHeader", 24 bytes {
        segment: SegmentId,
        /// Number, within the segment, of the first of them.
        first_record: u32,
        count: u32,
        /// End of the last of them, from the start of the segment.
        body_end: u32,
        reserved: u32,
    }
}

layout! {
    /// Section 3: a segment whose footer has been written.
    pub struct SealedSegment = "SealedSegment", 40 bytes {
        segment: SegmentId,
        /// `checksum` of its trailer.
        trailer: [u8; 32],
    }
}

layout! {
    /// Section 5: a segment whose live records are elsewhere. Nothing is found in it from here on;
    /// its slots stay as they are until it is released.
    pub struct RetiredSegment = "RetiredSegment", 16 bytes {
        segment: SegmentId,
        /// The pool's age at that time, in seconds.
        age: u64,
    }
}

layout! {
    /// Section 6: a retired segment whose slots may be used again.
    pub struct ReleasedSegment = "ReleasedSegment", 8 bytes {
        segment: SegmentId,
    }
}

layout! {
    /// Section 7: a copy of a segment that was made on a member that had none.
    pub struct CopiedSegment = "CopiedSegment", 16 bytes {
        segment: SegmentId,
        member: u32,
        slot: u32,
    }
}

const SECTION_OPENED: u32 = 1;
const SECTION_RECORDS: u32 = 2;
const SECTION_SEALED: u32 = 3;
const SECTION_EVENT: u32 = 4;
const SECTION_RETIRED: u32 = 5;
const SECTION_RELEASED: u32 = 6;
const SECTION_COPIED: u32 = 7;

/// [`SegmentPlace::slots`] of a member without a copy.
pub const NO_SLOT: u32 = u32::MAX;

/// Records of one segment, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryGroup {
    pub header: GroupHeader,
    pub entries: Vec<Entry>,
}

/// What a commit makes true.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Commit {
    pub opened: Vec<SegmentPlace>,
    pub groups: Vec<EntryGroup>,
    pub sealed: Vec<SealedSegment>,
    /// Events of the catalog, opaque to the store.
    pub events: Vec<Vec<u8>>,
    pub retired: Vec<RetiredSegment>,
    pub released: Vec<ReleasedSegment>,
    pub copied: Vec<CopiedSegment>,
}

impl Commit {
    /// Bytes of the encoded payload.
    pub fn payload_bytes(&self) -> usize {
        let groups: usize = self.groups.iter().map(|group| group_bytes(group.entries.len())).sum();
        let events: usize = self.events.iter().map(|event| 8 + event.len()).sum();
        sections(&self.opened)
            + groups
            + sections(&self.sealed)
            + events
            + sections(&self.retired)
            + sections(&self.released)
            + sections(&self.copied)
    }

    fn encode(&self, to: &mut Vec<u8>) {
        put_sections(to, SECTION_OPENED, &self.opened);
        for group in &self.groups {
            section(to, SECTION_RECORDS, group_bytes(group.entries.len()) - 8);
            put_group(to, group);
        }
        put_sections(to, SECTION_SEALED, &self.sealed);
        for event in &self.events {
            section(to, SECTION_EVENT, event.len());
            to.extend_from_slice(event);
        }
        put_sections(to, SECTION_RETIRED, &self.retired);
        put_sections(to, SECTION_RELEASED, &self.released);
        put_sections(to, SECTION_COPIED, &self.copied);
    }

    fn decode(payload: &[u8]) -> Result<Self, FormatError> {
        let mut commit = Self::default();
        let mut taker = Taker::new(payload, NAME);
        while !taker.is_empty() {
            let header: SectionHeader = taker.value()?;
            let mut body = Taker::new(taker.bytes(header.bytes as usize)?, NAME);
            match header.kind {
                SECTION_OPENED => commit.opened.push(body.value()?),
                SECTION_RECORDS => commit.groups.push(take_group(&mut body)?),
                SECTION_SEALED => commit.sealed.push(body.value()?),
                SECTION_EVENT => {
                    commit.events.push(body.bytes(header.bytes as usize)?.to_vec());
                }
                SECTION_RETIRED => commit.retired.push(body.value()?),
                SECTION_RELEASED => commit.released.push(body.value()?),
                SECTION_COPIED => commit.copied.push(body.value()?),
                _ => return Err(taker.invalid("section kind")),
            }
            if !body.is_empty() {
                return Err(taker.invalid("section length"));
            }
        }
        Ok(commit)
    }
}

/// Bytes of sections that hold one structure each.
fn sections<T: Fixed>(list: &[T]) -> usize {
    list.len() * (SectionHeader::SIZE + T::SIZE)
}

fn put_sections<T: Fixed>(to: &mut Vec<u8>, kind: u32, list: &[T]) {
    for body in list {
        section(to, kind, T::SIZE);
        put(to, body);
    }
}

fn section(to: &mut Vec<u8>, kind: u32, bytes: usize) {
    put(to, &SectionHeader { kind, bytes: bytes as u32 });
}

/// Bytes that a group of `count` records takes in a payload, its section header included.
pub fn group_bytes(count: usize) -> usize {
    SectionHeader::SIZE + GroupHeader::SIZE + count * Entry::SIZE
}

pub(crate) fn put_group(to: &mut Vec<u8>, group: &EntryGroup) {
    put(to, &group.header);
    group.entries.iter().for_each(|entry| put(to, entry));
}

pub(crate) fn take_group(taker: &mut Taker<'_>) -> Result<EntryGroup, FormatError> {
    let header: GroupHeader = taker.value()?;
    if header.first_record.saturating_add(header.count) > MAX_RECORDS {
        return Err(taker.invalid("record count"));
    }
    let entries = taker.list(header.count as usize)?;
    Ok(EntryGroup { header, entries })
}

/// Where in the life of the log a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogPlace {
    pub pool_id: PoolId,
    pub epoch: Epoch,
    pub sequence: Sequence,
    pub position: u64,
    pub durable_up_to: Sequence,
    pub previous: [u8; 32],
}

/// One record of the log, ready to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedRecord {
    /// Whole blocks.
    pub bytes: Vec<u8>,
    pub hash: [u8; 32],
}

/// Encodes a commit, or a close record when there is none.
pub fn encode_log_record(place: &LogPlace, commit: Option<&Commit>) -> EncodedRecord {
    let mut bytes = vec![0; LogHeader::SIZE];
    if let Some(commit) = commit {
        commit.encode(&mut bytes);
    }
    let mut header = LogHeader {
        magic: MAGIC,
        version: FORMAT_VERSION,
        kind: if commit.is_some() { LOG_COMMIT } else { LOG_CLOSE },
        reserved: [0; 5],
        pool_id: place.pool_id,
        epoch: place.epoch,
        sequence: place.sequence,
        position: place.position,
        durable_up_to: place.durable_up_to,
        payload_bytes: (bytes.len() - LogHeader::SIZE) as u32,
        reserved2: 0,
        previous: place.previous,
        reserved3: [0; 40],
        hash: [0; 32],
        checksum: [0; 16],
    };
    let (head, payload) = bytes.split_at_mut(LogHeader::SIZE);
    header.save(head);
    header.hash = record_hash(head, payload);
    header.save(head);
    header.checksum = header_checksum(head);
    header.save(head);
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    EncodedRecord { bytes, hash: header.hash }
}

/// Bytes of the log that a payload of this length takes.
pub fn log_record_bytes(payload: usize) -> usize {
    (LogHeader::SIZE + payload).next_multiple_of(BLOCK)
}

impl LogHeader {
    /// Reads the header at the start of `bytes`. Believable on its own: its checksum covers it,
    /// and it names its pool and position.
    pub fn decode(bytes: &[u8], pool_id: PoolId, position: u64) -> Result<Self, FormatError> {
        let head = bytes.get(..Self::SIZE).ok_or(FormatError::Absent { structure: NAME })?;
        let header = Self::load(head);
        if header.magic != MAGIC {
            return Err(FormatError::Absent { structure: NAME });
        }
        if header_checksum(head) != header.checksum {
            return Err(FormatError::Damaged { structure: NAME });
        }
        if header.pool_id != pool_id || header.position != position {
            return Err(FormatError::Misplaced { structure: NAME });
        }
        if header.version > FORMAT_VERSION {
            return Err(FormatError::Newer {
                structure: NAME,
                found: header.version,
                supported: FORMAT_VERSION,
            });
        }
        if header.payload_bytes as usize > MAX_LOG_PAYLOAD {
            return Err(FormatError::Invalid { structure: NAME, field: "length" });
        }
        Ok(header)
    }

    /// Bytes that the whole record takes in the log.
    pub fn record_bytes(&self) -> usize {
        log_record_bytes(self.payload_bytes as usize)
    }

    /// Checks and decodes the payload; `bytes` is the whole record, from its header on. `None`
    /// for a close record.
    pub fn commit(&self, bytes: &[u8]) -> Result<Option<Commit>, FormatError> {
        let damaged = FormatError::Damaged { structure: NAME };
        let (head, rest) = bytes.split_at_checked(Self::SIZE).ok_or(damaged.clone())?;
        let payload = rest.get(..self.payload_bytes as usize).ok_or(damaged.clone())?;
        if record_hash(head, payload) != self.hash {
            return Err(damaged);
        }
        match self.kind {
            LOG_COMMIT => Commit::decode(payload).map(Some),
            LOG_CLOSE => Ok(None),
            _ => Err(FormatError::Invalid { structure: NAME, field: "kind" }),
        }
    }
}

fn record_hash(head: &[u8], payload: &[u8]) -> [u8; 32] {
    let covered = head.get(..LogHeader::SIZE - 48).unwrap_or_default();
    *blake3::Hasher::new().update(covered).update(payload).finalize().as_bytes()
}

fn header_checksum(head: &[u8]) -> [u8; 16] {
    let covered = head.get(..LogHeader::SIZE - 16).unwrap_or_default();
    <[u8; 16]>::load(blake3::hash(covered).as_bytes())
}
