//! The parts of a checkpoint, written while its body is still being made: no more than two of them
//! are ever in memory.
//!
//! The first part is written last, as it lists the others. Room for the list is kept by what the
//! body is expected to be; a body that has grown meanwhile (the index is not locked) may need a
//! longer list. What that leaves no room for becomes a part of its own, the first of the others.

use format::checkpoint::{CheckpointHead, PartPlace, encode_first_part, first_part_overhead};

use crate::members::{Slots, padded};
use crate::store::Inner;
use crate::{Result, StoreError};

/// Writes a body to free slots, which `taken` gets.
pub(crate) struct PartWriter<'a> {
    inner: &'a Inner,
    taken: &'a mut Vec<Slots>,
    /// Most bytes of a part.
    room: usize,
    /// The start of the body, and how much of it there may be.
    first: Vec<u8>,
    first_room: usize,
    /// What is to be the next part.
    next: Vec<u8>,
    done: Vec<PartPlace>,
    body: usize,
}

impl<'a> PartWriter<'a> {
    /// For a body that has `expected` bytes if nothing is added meanwhile.
    ///
    /// # Errors
    /// `TooLarge` when the list of its parts would not fit into one.
    pub(crate) fn new(
        inner: &'a Inner,
        taken: &'a mut Vec<Slots>,
        expected: usize,
    ) -> Result<Self> {
        let room = inner.geometry.segment_bytes() as usize;
        let parts = parts_after_first(expected, room).ok_or_else(|| too_large(expected, room))?;
        let first_room = room - first_part_overhead(parts);
        let (first, next, done) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { inner, taken, room, first, first_room, next, done, body: 0 })
    }

    /// Takes the next bytes of the body.
    pub(crate) async fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.body += bytes.len();
        let (first, mut rest) = bytes.split_at(bytes.len().min(self.first_room - self.first.len()));
        self.first.extend_from_slice(first);
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(self.room - self.next.len()));
            self.next.extend_from_slice(now);
            rest = later;
            if self.next.len() == self.room {
                self.end_part().await?;
            }
        }
        Ok(())
    }

    /// Writes what is left. `head` is told how many parts there are beside the first, and how many
    /// bytes the body has. Gives where the first part is, and the others.
    pub(crate) async fn finish(
        mut self,
        head: impl FnOnce(usize, usize) -> CheckpointHead,
    ) -> Result<(PartPlace, Vec<PartPlace>)> {
        if !self.next.is_empty() {
            self.end_part().await?;
        }
        if self.first.len() + first_part_overhead(self.done.len()) > self.room {
            let overhead = first_part_overhead(self.done.len() + 1);
            let left = self.room.checked_sub(overhead);
            let surplus =
                self.first.split_off(left.ok_or_else(|| too_large(self.body, self.room))?);
            let place = self.write(&surplus).await?;
            self.done.insert(0, place);
        }
        let head = head(self.done.len(), self.body);
        let first = encode_first_part(&head, &self.done, &self.first);
        Ok((self.write(&first).await?, self.done))
    }

    async fn end_part(&mut self) -> Result<()> {
        let bytes = std::mem::take(&mut self.next);
        let place = self.write(&bytes).await?;
        self.done.push(place);
        Ok(())
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<PartPlace> {
        let members = &self.inner.members;
        let slots: Slots = members.take_slots(0)?;
        self.taken.push(slots);
        let data = padded(bytes);
        members
            .write(&data, |number, member| {
                slots.get(number).map(|slot| member.geometry.slot_offset(*slot))
            })
            .await?;
        let hash = *blake3::hash(bytes).as_bytes();
        Ok(PartPlace { slots, bytes: bytes.len() as u32, reserved: 0, hash })
    }
}

fn too_large(bytes: usize, limit: usize) -> StoreError {
    StoreError::TooLarge { what: "a checkpoint", bytes, limit }
}

/// Parts that a body needs after the first, which also holds their list; `None` when the list
/// alone fills the first.
fn parts_after_first(body: usize, room: usize) -> Option<usize> {
    let mut parts = 0;
    loop {
        let first = room.checked_sub(first_part_overhead(parts))?;
        let needed = body.saturating_sub(first).div_ceil(room);
        if needed <= parts {
            return Some(parts);
        }
        parts = needed;
    }
}
