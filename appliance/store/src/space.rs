//! Which segment slots of a disk are free.

/// The free slots of one disk. The lowest is taken first, so that a file-backed disk grows only
/// as far as it must; but the highest on a disk that has copies from before, which nothing names
/// yet, in its lower slots.
#[derive(Debug, Clone)]
pub(crate) struct FreeSlots {
    taken: Vec<bool>,
    free: u32,
    /// No slot below this one is free.
    lowest: usize,
    /// If the highest is taken first: no slot from here on is free.
    highest: Option<usize>,
}

impl FreeSlots {
    pub(crate) fn new(slots: u32) -> Self {
        Self { taken: vec![false; slots as usize], free: slots, lowest: 0, highest: None }
    }

    /// Takes a slot, if more than `reserve` are free.
    pub(crate) fn take(&mut self, reserve: u32) -> Option<u32> {
        #[cfg(test)]
        if !tests::allow() {
            return None;
        }
        if self.free <= reserve {
            return None;
        }
        let slot = match self.highest {
            Some(end) => self.taken.get(..end)?.iter().rposition(|taken| !taken)?,
            None => {
                let found = self.taken.iter().skip(self.lowest).position(|taken| !taken)?;
                self.lowest + found
            }
        };
        self.claim(slot as u32);
        match &mut self.highest {
            Some(end) => *end = slot,
            None => self.lowest = slot + 1,
        }
        Some(slot as u32)
    }

    /// From now on the highest free slot is taken first, or the lowest again.
    pub(crate) fn take_highest(&mut self, highest: bool) {
        self.highest = highest.then_some(self.taken.len());
        self.lowest = 0;
    }

    /// Marks a slot as taken; true if it was free. One outside the disk is none of its slots.
    pub(crate) fn claim(&mut self, slot: u32) -> bool {
        let taken = self.taken.get_mut(slot as usize);
        let was_free = taken.is_some_and(|taken| !std::mem::replace(taken, true));
        self.free -= u32::from(was_free);
        was_free
    }

    /// Whether this is a free slot.
    pub(crate) fn is_free(&self, slot: u32) -> bool {
        self.taken.get(slot as usize).is_some_and(|taken| !taken)
    }

    /// Returns a slot.
    pub(crate) fn give(&mut self, slot: u32) {
        if let Some(taken) = self.taken.get_mut(slot as usize)
            && std::mem::replace(taken, false)
        {
            self.free += 1;
            self.lowest = self.lowest.min(slot as usize);
            self.highest = self.highest.map(|end| end.max(slot as usize + 1));
        }
    }

    pub(crate) fn count(&self) -> u32 {
        self.free
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        /// How many more slots the pools of this thread may take, and how many were asked for.
        static TAKES: Cell<(usize, usize)> = const { Cell::new((usize::MAX, 0)) };
    }

    /// From here on, so many slots can be taken in this thread and no more. Gives how many were
    /// asked for since the last time.
    pub(crate) fn limit_takes(most: usize) -> usize {
        TAKES.replace((most, 0)).1
    }

    pub(super) fn allow() -> bool {
        let (left, asked) = TAKES.get();
        TAKES.set((left.saturating_sub(1), asked + 1));
        left > 0
    }

    #[test]
    fn slots_are_taken_from_the_lowest_and_the_reserve_stays() {
        let mut slots = FreeSlots::new(4);
        slots.claim(1);
        assert_eq!((slots.take(1), slots.take(1), slots.take(1)), (Some(0), Some(2), None));
        slots.give(0);
        slots.give(0);
        assert_eq!((slots.count(), slots.take(1), slots.take(0)), (2, Some(0), Some(3)));
    }

    #[test]
    fn slots_are_taken_from_the_highest_while_the_lower_may_hold_copies() {
        let mut slots = FreeSlots::new(4);
        slots.take_highest(true);
        slots.claim(3);
        assert_eq!((slots.take(0), slots.take(0)), (Some(2), Some(1)));
        slots.give(2);
        assert_eq!((slots.take(0), slots.take(0), slots.take(0)), (Some(2), Some(0), None));
        slots.give(0);
        slots.give(3);
        slots.take_highest(false);
        assert_eq!((slots.take(0), slots.take(0)), (Some(0), Some(3)));
    }
}
