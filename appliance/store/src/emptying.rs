//! Emptying segments, some at a time: what is needed of them moves and is committed, is read back
//! from every disk, and only then are they retired.
//!
//! In a full pool there is room for what a few segments leave behind, and none comes back before
//! what was retired is released. So those go together whose remains fit into what there is, and
//! what does not fit is not begun.

use model::{BLOCK, Digest};

use crate::filling::fits;
use crate::index::Place;
use crate::moving::{BATCH_BYTES, Carried, Mover, is_damage};
use crate::queue::Changes;
use crate::reclaim::Reclaimed;
use crate::victims::Victim;
use crate::{Result, StoreError};

/// Segments whose records move between two commits, at most.
const GROUP_SEGMENTS: usize = 16;

/// What moves between two commits takes this part of the room at most, or a segment's bytes: a
/// group that comes to nothing must not take the room of those that would not.
const GROUP_PART: u32 = 4;

/// A segment that is about to go.
struct Leaving<'a> {
    victim: &'a Victim,
    /// Everything in it that is needed.
    needed: Vec<Digest>,
    /// What of that is nowhere else, with its stored bytes.
    alone: Vec<(Carried, u32)>,
}

impl Leaving<'_> {
    fn lengths(&self) -> impl Iterator<Item = u32> {
        self.alone.iter().map(|(_, length)| *length)
    }

    fn bytes(&self) -> u64 {
        self.lengths().map(u64::from).sum()
    }

    /// Segments that what moves out of it fills at most.
    fn segments(&self, segment_bytes: u32) -> u32 {
        segments_for(self.lengths(), segment_bytes)
    }
}

/// Segments of one tenant that go together. What they leave behind fills few segments, so that in
/// a full pool there is room for all of it, and the room of the group comes back.
#[derive(Default)]
struct Group<'a>(Vec<Leaving<'a>>);

impl<'a> Group<'a> {
    /// Whether another may join, with so many slots free for what moves out of all of them.
    fn takes(&self, leaving: &Leaving<'_>, segment_bytes: u32, free_slots: u32) -> bool {
        let Some(first) = self.0.first() else { return true };
        let tenant = |leaving: &Leaving<'_>| leaving.victim.segment.place.info.tenant;
        let bytes = self.0.iter().map(Leaving::bytes).sum::<u64>() + leaving.bytes();
        let lengths = self.0.iter().flat_map(Leaving::lengths).chain(leaving.lengths());
        self.0.len() < GROUP_SEGMENTS
            && tenant(first) == tenant(leaving)
            && bytes <= u64::from(segment_bytes) * u64::from((free_slots / GROUP_PART).max(1))
            && segments_for(lengths, segment_bytes) <= free_slots
    }

    fn push(&mut self, leaving: Leaving<'a>) {
        self.0.push(leaving);
    }
}

impl Mover<'_> {
    /// Empties these segments and retires them, some at a time: those of which everything needed
    /// is elsewhere go before the next are looked at. `go_on` is asked in between. For lack of room
    /// some may stay.
    pub(crate) async fn retire_all(
        &mut self,
        victims: &[Victim],
        age: u64,
        go_on: &mut (dyn FnMut(&Reclaimed) -> bool + Send),
    ) -> Result<()> {
        let mut group = Group::default();
        for victim in victims {
            let leaving = match self.look_at(victim).await {
                Err(error) if is_damage(&error) => {
                    self.done.kept_segments += 1;
                    continue;
                }
                leaving => leaving?,
            };
            let segment_bytes = self.inner.geometry.segment_bytes();
            if !group.takes(&leaving, segment_bytes, self.free_slots()) {
                self.retire_group(std::mem::take(&mut group), age, go_on).await?;
            }
            if leaving.segments(segment_bytes) <= self.free_slots() {
                group.push(leaving);
            } else {
                self.done.short_of_room = true;
            }
        }
        self.retire_group(group, age, go_on).await
    }

    async fn retire_group(
        &mut self,
        group: Group<'_>,
        age: u64,
        go_on: &mut (dyn FnMut(&Reclaimed) -> bool + Send),
    ) -> Result<()> {
        if group.0.is_empty() {
            return Ok(());
        }
        if !go_on(&self.done) {
            return Err(StoreError::Interrupted);
        }
        match self.try_group(group, age).await {
            // Somebody else took the room meanwhile. What was copied need not be copied again.
            Err(StoreError::Full) => self.done.short_of_room = true,
            outcome => outcome?,
        }
        Ok(())
    }

    async fn try_group(&mut self, group: Group<'_>, age: u64) -> Result<()> {
        let mut moved = Vec::new();
        for leaving in group.0 {
            match self.empty(&leaving).await {
                Ok(()) => moved.push(leaving),
                // A record that cannot be read keeps its segment; the next reclaim tries again.
                Err(error) if is_damage(&error) => self.done.kept_segments += 1,
                Err(error) => return Err(error),
            }
        }
        self.inner.commit(Changes::default()).await?;
        self.read_footers_back().await?;
        let all: Vec<Digest> = moved.iter().flat_map(|leaving| &leaving.needed).copied().collect();
        let missing = self.not_elsewhere(&all).await?;
        let mut gone = Vec::new();
        for Leaving { victim, needed, .. } in moved {
            let elsewhere = !needed.iter().any(|digest| missing.contains(digest));
            if elsewhere && self.leave(victim, &needed).await? {
                gone.push(victim);
            } else {
                self.done.kept_segments += 1;
            }
        }
        self.retire(&gone, age).await
    }

    /// Slots that what moves may take now.
    fn free_slots(&self) -> u32 {
        self.inner.members.free_slots().saturating_sub(self.inner.checkpoint_reserve())
    }

    /// What has to be seen to before a segment can go.
    async fn look_at<'v>(&self, victim: &'v Victim) -> Result<Leaving<'v>> {
        let mut leaving = Leaving { victim, needed: Vec::new(), alone: Vec::new() };
        if victim.live.count() == 0 {
            return Ok(leaving);
        }
        let entries = self.inner.entries(&victim.segment).await?;
        for (entry, record) in entries.iter().zip(0_u16..) {
            if !victim.live.has(record) {
                continue;
            }
            leaving.needed.push(entry.digest);
            if self.others(&entry.digest).await?.is_empty() {
                let place = Place { segment: victim.number, record };
                let cold = !self.arrangement.is_hot(place);
                leaving.alone.push((Carried { digest: entry.digest, cold }, entry.length));
            }
        }
        Ok(leaving)
    }

    /// Sees to it that everything needed of a segment is in another, not necessarily durable.
    async fn empty(&mut self, leaving: &Leaving<'_>) -> Result<()> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        for (carried, length) in &leaving.alone {
            // Another segment of the group may have had it too.
            if !self.others(&carried.digest).await?.is_empty() {
                continue;
            }
            batch.push(*carried);
            bytes += u64::from(*length);
            if bytes >= BATCH_BYTES {
                self.carry(&std::mem::take(&mut batch), false).await?;
                bytes = 0;
            }
        }
        self.carry(&batch, false).await
    }
}

/// Segments that records of these lengths, one after the other, fill at most.
fn segments_for(lengths: impl Iterator<Item = u32>, segment_bytes: u32) -> u32 {
    let (mut segments, mut records, mut filled) = (0, 0, 0);
    for length in lengths.map(|length| length as usize) {
        if segments == 0 || !fits(records, filled, length, segment_bytes as usize) {
            (segments, records, filled) = (segments + 1, 0, BLOCK);
        }
        (records, filled) = (records + 1, filled + length);
    }
    segments
}
