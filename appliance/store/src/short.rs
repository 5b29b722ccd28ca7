//! Segments that were ended long before they were full: their writer died, or had no more to
//! write. Each holds the room of a whole one, so reclaim puts what is needed of several together.

use std::collections::{BTreeMap, HashSet};

use model::TenantId;

use crate::reclaim::{Reclaim, ReclaimOptions};
use crate::victims::{SPARE_PART, Victim};

/// A segment is short when this part of it, or less, is stored.
const SHORT_PART: u64 = 2;

/// Bytes that may move for each byte of room that comes back.
const MOVED_FOR_ONE: u64 = 2;

/// Segments' bytes that may move although no room is spare: what is filled with them comes out of
/// the reserve that moves have, so how far that reaches is seen on the way.
const LEAST_SEGMENTS: u64 = 4;

/// Segments that a reclaim leaves short itself, of each tenant: the last one in reading order and
/// the last one of the rest. Without them in the sum every reclaim would put together what the one
/// before had left.
const LEFT_SHORT: u64 = 2;

/// Short segments of which something is needed, and what putting them together brings.
#[derive(Default)]
pub(crate) struct Short {
    pub(crate) segments: Vec<Victim>,
    /// How many fewer segments there are then, about: where records begin anew is not known.
    pub(crate) gained: u64,
}

impl Reclaim<'_> {
    /// Short segments that are worth moving, besides those that go already, as far as all that
    /// moves is not too much. They need not go: so they have what others leave of the spare room,
    /// but [`LEAST_SEGMENTS`] always, which in a full pool are what gives room back.
    pub(crate) fn short(&self, going: &[Victim], options: &ReclaimOptions) -> Short {
        let whole = u64::from(self.inner.geometry.segment_bytes());
        let moved: u64 = going.iter().map(|victim| victim.live_bytes).sum();
        let room = (self.inner.free_bytes() / SPARE_PART).min(options.most_moved_bytes);
        let most = options.most_moved_bytes.saturating_sub(moved);
        let mut room = room.saturating_sub(moved).max(LEAST_SEGMENTS * whole).min(most);
        let going: HashSet<u32> = going.iter().map(|victim| victim.number).collect();
        let mut tenants: BTreeMap<TenantId, Vec<Victim>> = BTreeMap::new();
        for segment in self.sealed.iter().filter(|s| s.stored_bytes() <= whole / SHORT_PART) {
            let victim = self.weigh(segment);
            if !going.contains(&victim.number) {
                tenants.entry(segment.place.info.tenant).or_default().push(victim);
            }
        }
        let mut short = Short::default();
        for mut victims in tenants.into_values() {
            victims.sort_by_key(|victim| (victim.live_bytes, victim.number));
            let live = victims.iter().map(|victim| victim.live_bytes);
            let (count, gained) = worth(live, whole, room);
            victims.truncate(count);
            let moved: u64 = victims.iter().map(|victim| victim.live_bytes).sum();
            room = room.saturating_sub(moved);
            short.gained += gained;
            short.segments.extend(victims);
        }
        short
    }
}

/// How many of these segments, the smallest first, are best put together, and how many fewer there
/// are then. None when more than [`MOVED_FOR_ONE`] bytes would move for one that comes back.
fn worth(live_bytes: impl Iterator<Item = u64>, whole: u64, room: u64) -> (usize, u64) {
    let (mut moved, mut best) = (0, (0, 0));
    for (bytes, count) in live_bytes.zip(1_u64..) {
        moved += bytes;
        if moved > room {
            break;
        }
        let gained = count.saturating_sub(moved.div_ceil(whole) + LEFT_SHORT - 1);
        if gained > best.1 && gained * whole * MOVED_FOR_ONE >= moved {
            best = (count as usize, gained);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_segments_go_together_when_enough_room_comes_back() {
        for (live, expected) in [
            (vec![], (0, 0)),
            // What a reclaim leaves is not put together again.
            (vec![1, 1], (0, 0)),
            (vec![1, 1, 1], (3, 1)),
            (vec![1, 2, 3, 4, 5, 6], (6, 4)),
            (vec![50; 3], (0, 0)),
            (vec![50; 4], (4, 1)),
            (vec![50; 40], (40, 19)),
            (vec![1, 1, 1, 50], (4, 2)),
        ] {
            assert_eq!(worth(live.iter().copied(), 100, 10_000), expected, "{live:?}");
        }
        assert_eq!(worth([1; 9].into_iter(), 100, 4), (4, 2), "as far as there is room");
    }
}
