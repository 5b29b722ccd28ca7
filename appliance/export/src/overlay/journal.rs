//! Journal records in the file: written by a flush, read back when the overlay is opened.
//!
//! A flush writes one record and starts the next only when that one is durable. So at most the
//! last record can be torn, and a bad record with a good one behind it is damage.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::Base;
use super::layout::{ENTRY, Entry, RECORD_HEAD, RECORD_MAGIC, RecordHasher, RecordHead};
use super::map::BlockMap;

/// Entries are read and written in pieces of at most this size, in bytes: a multiple of an entry.
const PIECE: usize = 64 << 10;

/// Appends a record of `changed` at `place` and returns where it ends. Not durable yet.
pub(super) fn write_record(
    file: &File,
    base: Base,
    place: u64,
    sequence: u64,
    changed: &BlockMap,
) -> io::Result<u64> {
    let entries = changed.runs().count() as u64;
    let mut hasher = RecordHasher::new(base, place, sequence, entries);
    let mut at = place + RECORD_HEAD as u64;
    let mut piece = Vec::with_capacity(PIECE);
    let mut runs = changed.runs().peekable();
    while let Some((first, count, held)) = runs.next() {
        piece.extend(Entry { first, count, held }.encode().into_iter().flatten());
        if piece.len() + ENTRY > PIECE || runs.peek().is_none() {
            hasher.update(&piece);
            file.write_all_at(&piece, at)?;
            at += piece.len() as u64;
            piece.clear();
        }
    }
    let head = RecordHead { sequence, entries, checksum: hasher.finish() };
    file.write_all_at(&head.encode(), place)?;
    Ok(at)
}

/// What a journal says.
#[derive(Debug)]
pub(super) struct Replayed {
    pub(super) held: BlockMap,
    /// Where the last good record ends.
    pub(super) end: u64,
    pub(super) next_sequence: u64,
}

/// Why a journal cannot be believed.
#[derive(Debug)]
pub(super) enum ReplayError {
    Damaged { offset: u64 },
    Io(io::Error),
}

impl From<io::Error> for ReplayError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads the journal of one overlay.
pub(super) struct Replay<'a> {
    pub(super) file: &'a File,
    pub(super) base: Base,
    /// Blocks of the disk.
    pub(super) blocks: u64,
    pub(super) file_length: u64,
}

impl Replay<'_> {
    /// Reads records from `start` on. A bad record ends the journal if it lies at or behind
    /// `durable_end` and nothing good follows: then a crash tore it.
    pub(super) fn run(
        &self,
        start: u64,
        durable_end: u64,
        first_sequence: u64,
    ) -> Result<Replayed, ReplayError> {
        let mut replayed =
            Replayed { held: BlockMap::default(), end: start, next_sequence: first_sequence };
        while let Some(head) = self.record_at(replayed.end)? {
            if head.sequence != replayed.next_sequence {
                return Err(ReplayError::Damaged { offset: replayed.end });
            }
            replayed.end = self.apply(replayed.end, &head, &mut replayed.held)?;
            replayed.next_sequence += 1;
        }
        if replayed.end < durable_end || self.any_record_behind(replayed.end)? {
            return Err(ReplayError::Damaged { offset: replayed.end });
        }
        Ok(replayed)
    }

    /// The head of the record at `place`, if all of the record is good.
    fn record_at(&self, place: u64) -> io::Result<Option<RecordHead>> {
        let mut bytes = [0; RECORD_HEAD];
        if place.saturating_add(RECORD_HEAD as u64) > self.file_length {
            return Ok(None);
        }
        self.file.read_exact_at(&mut bytes, place)?;
        let Some(head) = RecordHead::decode(&bytes) else { return Ok(None) };
        let end = head.length().and_then(|length| place.checked_add(length));
        if end.is_none_or(|end| end > self.file_length) {
            return Ok(None);
        }
        let mut hasher = RecordHasher::new(self.base, place, head.sequence, head.entries);
        self.for_pieces(place, &head, |piece| hasher.update(piece))?;
        Ok((hasher.finish() == head.checksum).then_some(head))
    }

    /// Takes a good record into the map and returns where it ends.
    fn apply(
        &self,
        place: u64,
        head: &RecordHead,
        held: &mut BlockMap,
    ) -> Result<u64, ReplayError> {
        let mut sound = true;
        let end = self.for_pieces(place, head, |piece| {
            for entry in piece.as_chunks::<ENTRY>().0 {
                match Entry::decode(entry, self.blocks) {
                    Some(entry) => held.set(entry.first, u64::from(entry.count), entry.held),
                    None => sound = false,
                }
            }
        })?;
        sound.then_some(end).ok_or(ReplayError::Damaged { offset: place })
    }

    /// Hands on the entries of a record that lies within the file, and returns where it ends.
    fn for_pieces(
        &self,
        place: u64,
        head: &RecordHead,
        mut each: impl FnMut(&[u8]),
    ) -> io::Result<u64> {
        let mut at = place + RECORD_HEAD as u64;
        let mut left = head.entries.saturating_mul(ENTRY as u64);
        let mut buffer = vec![0; PIECE.min(usize::try_from(left).unwrap_or(PIECE))];
        while left > 0 {
            let length = (buffer.len() as u64).min(left);
            let piece = buffer.get_mut(..length as usize).unwrap_or_default();
            self.file.read_exact_at(piece, at)?;
            each(piece);
            at += length;
            left -= length;
        }
        Ok(at)
    }

    /// Whether a good record lies anywhere behind `place`.
    fn any_record_behind(&self, place: u64) -> io::Result<bool> {
        let mut at = place;
        let mut window = vec![0; PIECE];
        while at < self.file_length {
            let length = (PIECE as u64).min(self.file_length - at);
            let bytes = window.get_mut(..length as usize).unwrap_or_default();
            self.file.read_exact_at(bytes, at)?;
            for (step, word) in bytes.chunks(8).enumerate() {
                if *word == RECORD_MAGIC && self.record_at(at + step as u64 * 8)?.is_some() {
                    return Ok(true);
                }
            }
            at += length;
        }
        Ok(false)
    }
}
