//! The overlay file's bytes, as OVERLAY.md lists them. All numbers are little-endian.

use model::{BLOCK_U64, PointId};

use super::Base;
use super::map::Held;

/// The unit in which the overlay holds a disk, in bytes.
pub(super) const BLOCK: u64 = BLOCK_U64;
/// Where the block at offset 0 of the disk lies.
pub(super) const DATA_START: u64 = 64 << 10;
/// Distance of the two header slots: each has a disk block of its own, so that a torn write of
/// one leaves the other whole.
pub(super) const HEADER_SLOT: u64 = 4096;
/// The newest format version that this code reads, and the one it writes.
pub(super) const VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"HFOVRLAY";
pub(super) const RECORD_MAGIC: [u8; 8] = *b"HFOVJRNL";

pub(super) const HEADER: usize = 96;
pub(super) const RECORD_HEAD: usize = 40;
pub(super) const ENTRY: usize = 16;
/// Bytes of a BLAKE3 digest that are kept as checksum.
const CHECKSUM: usize = 16;

pub(super) type Checksum = [u8; CHECKSUM];

/// Where the byte at `offset` of the disk lies in the file.
pub(super) fn place(offset: u64) -> u64 {
    DATA_START + offset
}

/// Where the first journal of a disk of `size` bytes starts: behind its last block. Nothing if no
/// file can be so long.
pub(super) fn first_journal(size: u64) -> Option<u64> {
    let end = size.checked_next_multiple_of(BLOCK)?.checked_add(DATA_START)?;
    (end < i64::MAX as u64 / 2).then_some(end)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Grows with every header that is written; the slot is its lowest bit.
    pub(super) generation: u64,
    pub(super) base: Base,
    /// Of the disk, in bytes.
    pub(super) image_size: u64,
    /// Where the first record of the journal lies.
    pub(super) journal_start: u64,
    /// Everything from the start to here was durable when the header was written.
    pub(super) journal_end: u64,
    /// The sequence number of the journal's first record.
    pub(super) first_sequence: u64,
}

/// What a header slot holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Valid(Header),
    Newer {
        version: u32,
    },
    Damaged,
    /// No trace of an overlay.
    Foreign,
}

impl Header {
    pub(super) fn slot(&self) -> u64 {
        (self.generation & 1) * HEADER_SLOT
    }

    pub(super) fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let mut to = Filler { bytes: &mut bytes, at: 0 };
        to.put(&MAGIC);
        to.put(&VERSION.to_le_bytes());
        to.put(&(BLOCK as u32).to_le_bytes());
        to.put(&self.generation.to_le_bytes());
        to.put(&self.base.point.0);
        to.put(&self.base.volume.to_le_bytes());
        to.put(&[0; 4]);
        to.put(&self.image_size.to_le_bytes());
        to.put(&self.journal_start.to_le_bytes());
        to.put(&self.journal_end.to_le_bytes());
        to.put(&self.first_sequence.to_le_bytes());
        let checksum = truncated(blake3::Hasher::new().update(to.done()));
        to.put(&checksum);
        bytes
    }
}

impl Slot {
    pub(super) fn decode(bytes: &[u8; HEADER]) -> Self {
        let (covered, checksum) = bytes.split_at(HEADER - CHECKSUM);
        let mut from = Reader(covered);
        if from.array() != MAGIC {
            return Self::Foreign;
        }
        if truncated(blake3::Hasher::new().update(covered)) != checksum {
            return Self::Damaged;
        }
        let version = from.u32();
        if version > VERSION {
            return Self::Newer { version };
        }
        let block = u64::from(from.u32());
        let generation = from.u64();
        let base = Base { point: PointId(from.array()), volume: from.u32() };
        // Features that a reader has to know: none exist yet.
        let features = from.u32();
        if version == 0 || block != BLOCK || features != 0 {
            return Self::Newer { version };
        }
        Self::Valid(Header {
            generation,
            base,
            image_size: from.u64(),
            journal_start: from.u64(),
            journal_end: from.u64(),
            first_sequence: from.u64(),
        })
    }
}

/// What stands in front of a record's entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordHead {
    pub(super) sequence: u64,
    pub(super) entries: u64,
    pub(super) checksum: Checksum,
}

impl RecordHead {
    pub(super) fn encode(&self) -> [u8; RECORD_HEAD] {
        let mut bytes = [0; RECORD_HEAD];
        let mut to = Filler { bytes: &mut bytes, at: 0 };
        to.put(&RECORD_MAGIC);
        to.put(&self.sequence.to_le_bytes());
        to.put(&self.entries.to_le_bytes());
        to.put(&self.checksum);
        bytes
    }

    pub(super) fn decode(bytes: &[u8; RECORD_HEAD]) -> Option<Self> {
        let mut from = Reader(bytes);
        (from.array() == RECORD_MAGIC).then_some(())?;
        Some(Self { sequence: from.u64(), entries: from.u64(), checksum: from.array() })
    }

    /// Bytes of the whole record.
    pub(super) fn length(&self) -> Option<u64> {
        self.entries.checked_mul(ENTRY as u64)?.checked_add(RECORD_HEAD as u64)
    }
}

/// Computes a record's checksum, the entries being fed in pieces. A record counts only in the
/// overlay and at the place that it was written for.
pub(super) struct RecordHasher(blake3::Hasher);

impl RecordHasher {
    pub(super) fn new(base: Base, place: u64, sequence: u64, entries: u64) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&base.point.0).update(&base.volume.to_le_bytes());
        hasher.update(&place.to_le_bytes());
        hasher.update(&sequence.to_le_bytes()).update(&entries.to_le_bytes());
        Self(hasher)
    }

    pub(super) fn update(&mut self, entries: &[u8]) {
        self.0.update(entries);
    }

    pub(super) fn finish(&self) -> Checksum {
        truncated(&self.0)
    }
}

/// A run of blocks that a record says something about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) first: u64,
    pub(super) count: u32,
    pub(super) held: Held,
}

impl Entry {
    /// Nothing for blocks held below: no record says that.
    pub(super) fn encode(&self) -> Option<[u8; ENTRY]> {
        let state = match self.held {
            Held::Below => return None,
            Held::Data => 1,
            Held::Zero => 2,
        };
        let mut bytes = [0; ENTRY];
        let mut to = Filler { bytes: &mut bytes, at: 0 };
        to.put(&self.first.to_le_bytes());
        to.put(&self.count.to_le_bytes());
        to.put(&[state, 0, 0, 0]);
        Some(bytes)
    }

    /// Nothing if the state is none, or the run does not lie in a disk of `blocks` blocks.
    pub(super) fn decode(bytes: &[u8; ENTRY], blocks: u64) -> Option<Self> {
        let mut from = Reader(bytes);
        let (first, count) = (from.u64(), from.u32());
        let held = match from.array() {
            [1, 0, 0, 0] => Held::Data,
            [2, 0, 0, 0] => Held::Zero,
            _ => return None,
        };
        let end = first.checked_add(u64::from(count))?;
        (count > 0 && end <= blocks).then_some(Self { first, count, held })
    }
}

fn truncated(hasher: &blake3::Hasher) -> Checksum {
    let mut checksum = Checksum::default();
    hasher.finalize_xof().fill(&mut checksum);
    checksum
}

/// Fills a structure field by field.
struct Filler<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl Filler<'_> {
    fn put(&mut self, field: &[u8]) {
        for (to, from) in self.bytes.iter_mut().skip(self.at).zip(field) {
            *to = *from;
        }
        self.at += field.len();
    }

    fn done(&self) -> &[u8] {
        self.bytes.get(..self.at).unwrap_or_default()
    }
}

/// Reads a structure field by field. Behind its end everything is zero, which no structure here
/// gets to: their sizes are fixed.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> [u8; N] {
        let Some((field, rest)) = self.0.split_first_chunk::<N>() else { return [0; N] };
        self.0 = rest;
        *field
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = include_str!("../../OVERLAY.md");

    /// Offset, size and name of every field in the table under a heading.
    fn table(heading: &str) -> Vec<(usize, usize, &'static str)> {
        let (_, section) = DOCUMENT.split_once(&format!("\n## {heading}\n")).unwrap();
        let section = section.split("\n## ").next().unwrap();
        let cells = |line: &'static str| line.split('|').map(str::trim).collect::<Vec<_>>();
        let rows = section.lines().map(cells).filter(|cells| cells.len() == 6);
        rows.filter_map(|cells| Some((cells[1].parse().ok()?, cells[2].parse().ok()?, cells[3])))
            .collect()
    }

    /// The documented fields lie side by side, and `bytes` has each value where its field is.
    fn holds(heading: &str, bytes: &[u8], values: &[(&str, &[u8])]) {
        let fields = table(heading);
        assert_eq!(fields.len(), values.len());
        let mut at = 0;
        for ((offset, size, field), (name, value)) in fields.iter().zip(values) {
            assert_eq!((field, *offset, *size), (name, at, value.len()), "{heading}");
            assert_eq!(bytes[*offset..offset + size], **value, "{heading}: {field}");
            at += size;
        }
        assert_eq!(at, bytes.len());
    }

    fn header() -> Header {
        Header {
            generation: 0x0102_0304_0506_0708,
            base: Base { point: PointId([5; 16]), volume: 0x0a0b_0c0d },
            image_size: 0x1122_3344_5566_7788,
            journal_start: 0x2122_3344_5566_7788,
            journal_end: 0x3122_3344_5566_7788,
            first_sequence: 0x4122_3344_5566_7788,
        }
    }

    #[test]
    fn the_document_shows_the_header_as_it_is() {
        let header = header();
        let bytes = header.encode();
        let checksum = blake3::hash(&bytes[..80]);
        holds(
            "Overlay header",
            &bytes,
            &[
                ("magic", b"HFOVRLAY"),
                ("version", &1u32.to_le_bytes()),
                ("block_size", &4096u32.to_le_bytes()),
                ("generation", &header.generation.to_le_bytes()),
                ("point", &[5; 16]),
                ("volume", &header.base.volume.to_le_bytes()),
                ("features", &[0; 4]),
                ("image_size", &header.image_size.to_le_bytes()),
                ("journal_start", &header.journal_start.to_le_bytes()),
                ("journal_end", &header.journal_end.to_le_bytes()),
                ("first_sequence", &header.first_sequence.to_le_bytes()),
                ("checksum", &checksum.as_bytes()[..16]),
            ],
        );
        assert_eq!(Slot::decode(&bytes), Slot::Valid(header));
    }

    #[test]
    fn the_document_shows_records_and_entries_as_they_are() {
        let head = RecordHead { sequence: 0x0102_0304, entries: 7, checksum: [9; 16] };
        holds(
            "Overlay record",
            &head.encode(),
            &[
                ("magic", b"HFOVJRNL"),
                ("sequence", &head.sequence.to_le_bytes()),
                ("entries", &7u64.to_le_bytes()),
                ("checksum", &[9; 16]),
            ],
        );
        assert_eq!(RecordHead::decode(&head.encode()), Some(head));
        let entry = Entry { first: 0x0102_0304_0506, count: 0x0708_090a, held: Held::Zero };
        let bytes = entry.encode().unwrap();
        let (first, count) = (entry.first.to_le_bytes(), entry.count.to_le_bytes());
        holds(
            "Overlay entry",
            &bytes,
            &[("first", &first), ("count", &count), ("state", &[2]), ("reserved", &[0; 3])],
        );
        assert_eq!(Entry::decode(&bytes, u64::MAX), Some(entry));
        assert_eq!(Entry::decode(&bytes, entry.first), None, "behind the end of the disk");
    }

    #[test]
    fn a_header_of_another_version_is_told_from_a_damaged_one() {
        let mut bytes = header().encode();
        bytes[8] = 2;
        assert_eq!(Slot::decode(&bytes), Slot::Damaged);
        let checksum = truncated(blake3::Hasher::new().update(&bytes[..80]));
        bytes[80..].copy_from_slice(&checksum);
        assert_eq!(Slot::decode(&bytes), Slot::Newer { version: 2 });
        assert_eq!(Slot::decode(&[0; HEADER]), Slot::Foreign);
    }
}
