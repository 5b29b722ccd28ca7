//! Which segments reclaim takes: what is needed of each, and what would be gained.

use crate::members::lock;
use crate::reclaim::{Reclaim, ReclaimOptions};
use crate::segments::{Segment, number};
use crate::uses::Records;

/// A segment that is to go.
pub(crate) struct Victim {
    pub(crate) segment: Segment,
    pub(crate) number: u32,
    pub(crate) live: Records,
    /// Of its bytes, what is needed; by the number of records, as their sizes are in its footer.
    pub(crate) live_bytes: u64,
    pub(crate) dead_bytes: u64,
}

impl Reclaim<'_> {
    /// Segments with at least so many percent of no use, those with the most first, as far as what
    /// must be moved is not too much.
    pub(crate) fn chosen(&self, options: &ReclaimOptions) -> Vec<Victim> {
        let mut room = options.most_moved_bytes;
        let mut victims = self.victims(options.least_dead_percent.max(1));
        victims.retain(|victim| {
            let fits = victim.live_bytes <= room;
            room -= if fits { victim.live_bytes } else { 0 };
            fits
        });
        // Those of one tenant go together.
        victims.sort_by_key(|victim| victim.segment.place.info.tenant);
        victims
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

    fn weigh(&self, segment: &Segment) -> Victim {
        let number = number(segment.place.info.segment);
        let mut live = self.live.of(number);
        live.add_all(&lock(&self.inner.uses).touched(number));
        let (records, bytes) = (segment.records().max(1) as u64, segment.stored_bytes());
        let live_bytes = bytes * u64::from(live.count()).min(records) / records;
        let segment = segment.clone();
        Victim { segment, number, live, live_bytes, dead_bytes: bytes - live_bytes }
    }
}
