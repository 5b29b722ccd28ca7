//! Which segments reclaim takes: what is needed of each, and what would be gained.

use std::collections::HashSet;

use crate::members::lock;
use crate::reclaim::{Reclaim, ReclaimOptions};
use crate::segments::{Segment, number};
use crate::uses::Records;

/// What is moved without need may take this part of the free room: its old place gives none back
/// until it is released, and ingests go on.
pub(crate) const SPARE_PART: u64 = 2;

/// A segment that is to go.
pub(crate) struct Victim {
    pub(crate) segment: Segment,
    pub(crate) number: u32,
    pub(crate) live: Records,
    /// Of its bytes, what is needed; by the number of records, as their sizes are in its footer.
    pub(crate) live_bytes: u64,
    pub(crate) dead_bytes: u64,
    /// The last step of reading the newest points that needs it; 0 when none does.
    pub(crate) last: u64,
}

impl Victim {
    /// Whether what must move is within the room that is left; if so it is taken.
    pub(crate) fn fits(&self, room: &mut u64) -> bool {
        let left = room.checked_sub(self.live_bytes);
        *room = left.unwrap_or(*room);
        left.is_some()
    }
}

impl Reclaim<'_> {
    /// Segments with at least so many percent of no use, those with the most first, as far as what
    /// must be moved is not too much; then short ones, then those that go for other reasons.
    pub(crate) fn chosen(&self, options: &ReclaimOptions) -> Vec<Victim> {
        let mut victims = self.dead(options);
        let short = self.short(&victims, options);
        victims.extend(short.segments);
        let known: HashSet<u32> = victims.iter().map(|victim| victim.number).collect();
        let also = |number| self.arrangement.wants(number) && !known.contains(&number);
        let others = self.sealed.iter().filter(|s| also(number(s.place.info.segment)));
        victims.extend(others.map(|segment| self.weigh(segment)));
        victims
    }

    pub(crate) fn dead(&self, options: &ReclaimOptions) -> Vec<Victim> {
        let mut room = options.most_moved_bytes;
        let mut victims = self.victims(options.least_dead_percent.max(1));
        victims.retain(|victim| victim.fits(&mut room));
        victims
    }

    /// Bytes that may move without need, besides all that is chosen.
    pub(crate) fn spare_bytes(&self, options: &ReclaimOptions) -> u64 {
        let chosen: u64 = self.chosen(options).iter().map(|victim| victim.live_bytes).sum();
        let room = self.inner.free_bytes() / SPARE_PART;
        room.min(options.most_moved_bytes).saturating_sub(chosen)
    }

    pub(crate) fn victims(&self, least_dead_percent: u32) -> Vec<Victim> {
        let mut victims: Vec<Victim> = self.sealed.iter().map(|s| self.weigh(s)).collect();
        victims.retain(|victim| {
            let all = victim.live_bytes + victim.dead_bytes;
            victim.dead_bytes * 100 >= all * u64::from(least_dead_percent)
        });
        victims.sort_by_key(|victim| (victim.live_bytes, victim.number));
        victims
    }

    pub(crate) fn weigh(&self, segment: &Segment) -> Victim {
        let number = number(segment.place.info.segment);
        let mut live = self.live.of(number);
        live.add_all(&lock(&self.inner.uses).touched(number));
        let (records, bytes) = (segment.records().max(1) as u64, segment.stored_bytes());
        let live_bytes = bytes * u64::from(live.count()).min(records) / records;
        let last = self.arrangement.last.get(&number).copied().unwrap_or(0);
        let segment = segment.clone();
        Victim { segment, number, live, live_bytes, dead_bytes: bytes - live_bytes, last }
    }
}
