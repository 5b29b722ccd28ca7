//! Legal states of the disks after a power failure.
//!
//! What is durable after the first n events is kept and carried forward, because tests cut the
//! power at one event after the other; only the writes since the last flush are drawn anew.

use super::device::Device;
use super::image::{Image, SECTORS_PER_BLOCK};
use super::machine::{Change, Event};
use super::rng::SimRng;

/// What each disk surely holds after the first `at` events, and what it may hold besides.
pub(super) struct Durable {
    at: usize,
    disks: Vec<Medium>,
}

struct Medium {
    image: Image,
    /// Numbers of the write events since the last flush, in order.
    unflushed: Vec<usize>,
}

impl Durable {
    /// The state before any event.
    pub(super) fn of(devices: &[Device]) -> Self {
        let medium =
            |device: &Device| Medium { image: device.initial.clone(), unflushed: Vec::new() };
        Self { at: 0, disks: devices.iter().map(medium).collect() }
    }

    /// One state that a power failure after the first `at` events may leave.
    pub(super) fn crash(
        &mut self,
        devices: &[Device],
        events: &[Event],
        at: usize,
        rng: &mut SimRng,
    ) -> Vec<Image> {
        if at < self.at {
            *self = Self::of(devices);
        }
        for (number, event) in events.iter().enumerate().take(at).skip(self.at) {
            if let Some(medium) = self.disks.get_mut(event.disk) {
                medium.advance(number, events, &event.change);
            }
            self.at = number + 1;
        }
        self.disks.iter().map(|medium| medium.lose_power(events, rng)).collect()
    }
}

impl Medium {
    fn advance(&mut self, number: usize, events: &[Event], change: &Change) {
        match change {
            Change::Write { .. } => self.unflushed.push(number),
            Change::Flush => {
                for write in self.unflushed.drain(..) {
                    events[write].change.apply(&mut self.image);
                }
            }
            Change::Rot { .. } => change.apply(&mut self.image),
            Change::Replaced { .. } => {
                self.unflushed.clear();
                change.apply(&mut self.image);
            }
        }
    }

    fn lose_power(&self, events: &[Event], rng: &mut SimRng) -> Image {
        let mut image = self.image.clone();
        let mut order = self.unflushed.clone();
        rng.shuffle(&mut order);
        let mood = Mood::draw(rng);
        for write in order {
            mood.apply(&events[write].change, &mut image, rng);
        }
        image
    }
}

/// How a cache behaves at one power failure. Drawn for each, because independent coin tosses alone
/// would hardly ever keep, or lose, every one of many writes.
struct Mood {
    /// Probability that a write is there as a whole.
    kept: f64,
    /// Probability that a write is torn; otherwise it is missing.
    torn: f64,
}

impl Mood {
    const ALL: [(f64, f64); 5] = [(0.0, 0.0), (0.2, 0.5), (0.5, 0.25), (0.8, 0.15), (1.0, 0.0)];

    fn draw(rng: &mut SimRng) -> Self {
        let (kept, torn) = Self::ALL[rng.below(Self::ALL.len() as u64) as usize];
        Self { kept, torn }
    }

    fn apply(&self, change: &Change, image: &mut Image, rng: &mut SimRng) {
        if rng.chance(self.kept) {
            change.apply(image);
        } else if rng.chance(self.torn / (1.0 - self.kept)) {
            tear(change, image, rng);
        }
    }
}

/// Applies some sectors of a write: those before a point, those after it, or any.
fn tear(change: &Change, image: &mut Image, rng: &mut SimRng) {
    let Change::Write { first, blocks, sectors } = change else { return };
    let touched = &blocks[..sectors.div_ceil(SECTORS_PER_BLOCK)];
    let point = rng.below(*sectors as u64) as usize;
    match rng.below(3) {
        0 => image.put_sectors(*first, touched, |sector| sector < point),
        1 => image.put_sectors(*first, touched, |sector| (point..*sectors).contains(&sector)),
        _ => image.put_sectors(*first, touched, |sector| sector < *sectors && rng.chance(0.5)),
    }
}
