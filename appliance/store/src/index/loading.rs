//! Taking the table over from a checkpoint, as its bytes come.

use super::{COUNT_BYTES, Index, SLOT_BYTES, lock};

/// A table that is being taken over, shard by shard.
#[derive(Debug)]
pub(crate) struct Loading {
    index: Index,
    /// Shards that are there.
    done: usize,
    /// Bytes of the table that have not come.
    left: usize,
    /// What has come of the number of slots, then of the slots, of the shard after those.
    bytes: Vec<u8>,
    /// How many bytes the slots take, once their number is known.
    wanted: Option<usize>,
}

impl Loading {
    /// Of a table of so many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        let index = Index::default();
        Self { index, done: 0, left: bytes, bytes: Vec::new(), wanted: None }
    }

    /// Takes the next bytes; `None` if they are not of such a table.
    pub(crate) fn push(&mut self, mut piece: &[u8]) -> Option<()> {
        while !piece.is_empty() {
            let room = self.wanted.unwrap_or(COUNT_BYTES) - self.bytes.len();
            let (now, later) = piece.split_at(room.min(piece.len()));
            self.left = self.left.checked_sub(now.len())?;
            // Not all at once: the number of slots may be a lie.
            self.bytes.reserve_exact(now.len());
            self.bytes.extend_from_slice(now);
            piece = later;
            if now.len() == room {
                self.end_piece()?;
            }
        }
        Some(())
    }

    /// The number of slots is there, or all slots are.
    fn end_piece(&mut self) -> Option<()> {
        if self.wanted.is_none() {
            let count = u64::from_le_bytes(*self.bytes.first_chunk()?);
            let bytes = usize::try_from(count).ok()?.checked_mul(SLOT_BYTES)?;
            self.bytes = Vec::new();
            if bytes > self.left {
                return None;
            }
            if bytes > 0 {
                self.wanted = Some(bytes);
                return Some(());
            }
        }
        let shard = self.index.shards.get(self.done)?;
        lock(shard).stored = Some(std::mem::take(&mut self.bytes));
        self.wanted = None;
        self.done += 1;
        Some(())
    }

    /// The table, if all of it has come.
    pub(crate) fn finish(self) -> Option<Index> {
        let nothing_else = self.left == 0 && self.bytes.is_empty();
        (self.done == self.index.shards.len() && nothing_else).then_some(self.index)
    }
}
