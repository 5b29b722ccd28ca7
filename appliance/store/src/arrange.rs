//! What reclaim writes anew although it is needed: segments that the newest recovery points use
//! here and there, so that these lie in reading order again.
//!
//! Every chunk lies in one place, and several points may want it in several orders. So what would
//! come of it is found out first, for all points together, and nothing moves unless they can then
//! be read with less. As that amount never rises by rewriting, rewriting comes to an end.

use std::collections::{BTreeSet, HashMap, HashSet};

use model::Digest;

use crate::index::Place;
use crate::locality::{Locality, Meter, Reading, Stretch};
use crate::reclaim::{Reclaim, ReclaimOptions, Reclaiming};
use crate::segments::number;
use crate::uses::Records;
use crate::victims::Victim;
use crate::walk::Walk;
use crate::{Result, StoreError};

/// A recovery point is written anew when its score is above this, in hundredths; and of its
/// segments those of which it reads more than that.
const REWRITTEN_ABOVE: u64 = 125;

/// Bytes that may move for each byte that the points are then read with less. Moving costs a read
/// and a write, and takes room until the old place is released; one restore gives that back when
/// the point lies scattered, eight restores at the worst.
const MOVED_FOR_ONE: u64 = 8;

/// Percent of what the points read of these segments that must be saved: less may be a matter of
/// where segments begin, which a trial does not know.
const LEAST_GAIN_PERCENT: u64 = 5;

/// How a recovery point can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arranged {
    pub now: Locality,
    /// When everything that is to move has moved, as far as can be told.
    pub then: Locality,
}

/// What is known of the newest recovery points, and which segments go because of it.
#[derive(Debug, Default)]
pub(crate) struct Arrangement {
    /// Their records, in the order in which they were given.
    pub(crate) points: Vec<Digest>,
    /// What they lead to, by segment.
    pub(crate) hot: HashMap<u32, Records>,
    /// The last step, counted over all points, that needs a segment.
    pub(crate) last: HashMap<u32, u64>,
    /// Segments that go so that the points lie in order.
    pub(crate) rewritten: BTreeSet<u32>,
    /// Segments that go so that what only older points need is compressed better.
    pub(crate) squeezed: BTreeSet<u32>,
    /// Whether what only older points need is compressed better wherever it moves.
    pub(crate) squeezes: bool,
}

impl Arrangement {
    /// Whether a segment goes although all of it is needed.
    pub(crate) fn wants(&self, segment: u32) -> bool {
        self.rewritten.contains(&segment) || self.squeezed.contains(&segment)
    }

    pub(crate) fn is_hot(&self, place: Place) -> bool {
        self.hot.get(&place.segment).is_some_and(|hot| hot.has(place.record))
    }
}

/// What a look at all points finds.
#[derive(Default)]
struct Survey {
    arrangement: Arrangement,
    steps: u64,
    /// How points that lie scattered read each segment.
    scattered: HashMap<u32, Locality>,
}

/// Where records would lie that leave their segments in reading order.
struct Trial<'a> {
    leaving: &'a HashSet<u32>,
    /// By segment and record; `NOWHERE` for what has not been needed yet.
    offsets: HashMap<u32, Vec<u64>>,
    next: u64,
}

const NOWHERE: u64 = u64::MAX;

/// The segment without an end that a trial writes to: real ones are counted from 1.
const TRIAL_SEGMENT: u32 = 0;

impl Trial<'_> {
    fn place(&mut self, place: Place, stretch: Stretch) -> Stretch {
        if !self.leaving.contains(&place.segment) {
            return stretch;
        }
        let offsets = self.offsets.entry(place.segment).or_default();
        let record = usize::from(place.record);
        offsets.resize(offsets.len().max(record + 1), NOWHERE);
        let bytes = stretch.to - stretch.from;
        let mut from = self.next;
        match offsets.get_mut(record) {
            Some(offset) if *offset != NOWHERE => from = *offset,
            Some(offset) => {
                *offset = from;
                self.next += bytes;
            }
            None => {}
        }
        Stretch { segment: TRIAL_SEGMENT, from, to: from + bytes, end: u64::MAX }
    }
}

impl Reclaim<'_> {
    /// Looks how far the newest recovery point of each system, given by its record, lies in reading
    /// order, and decides whether it is worth moving more than what must move. What the points need
    /// moves in their order from here on, whatever it moves for. To be called once, with the
    /// options that the reclaim goes on with. `go_on` is asked from time to time.
    ///
    /// # Errors
    /// `Interrupted`, and whatever stands in the way of reading a manifest.
    pub async fn arrange(
        &mut self,
        newest: &[Digest],
        options: &ReclaimOptions,
        go_on: &mut (dyn FnMut(Reclaiming) -> bool + Send),
    ) -> Result<Vec<Arranged>> {
        let reading = Reading::of(self.inner.geometry.segment_bytes());
        self.arrange_for(reading, newest, options, go_on).await
    }

    /// As [`arrange`](Self::arrange), for a disk that reads like this.
    pub(crate) async fn arrange_for(
        &mut self,
        reading: Reading,
        newest: &[Digest],
        options: &ReclaimOptions,
        go_on: &mut (dyn FnMut(Reclaiming) -> bool + Send),
    ) -> Result<Vec<Arranged>> {
        let mut survey = Survey::default();
        let mut arranged = Vec::with_capacity(newest.len());
        for point in newest {
            let now = self.survey(*point, reading, &mut survey, go_on).await?;
            arranged.push(Arranged { now, then: now });
        }
        self.arrangement = survey.arrangement;
        self.arrangement.points = newest.to_vec();
        let mut leaving: HashSet<u32> =
            self.chosen(options).iter().map(|victim| victim.number).collect();
        if !leaving.is_empty() {
            // What goes anyhow comes into order on its way.
            let then = self.try_out_all(reading, &leaving, go_on).await?;
            arranged.iter_mut().zip(then).for_each(|(arranged, then)| arranged.then = then);
        }
        let rewritten = self.scattered(&survey.scattered, options);
        if !rewritten.is_empty() {
            let least = least_gain(&rewritten, &survey.scattered);
            leaving.extend(rewritten.iter().map(|victim| victim.number));
            let then = self.try_out_all(reading, &leaving, go_on).await?;
            if is_worth(&arranged, &then, least, &rewritten) {
                let numbers = rewritten.iter().map(|victim| victim.number);
                self.arrangement.rewritten = numbers.collect();
                arranged.iter_mut().zip(then).for_each(|(arranged, then)| arranged.then = then);
            }
        }
        Ok(arranged)
    }

    /// How a point is read as things are.
    async fn survey(
        &self,
        point: Digest,
        reading: Reading,
        survey: &mut Survey,
        go_on: &mut (dyn FnMut(Reclaiming) -> bool + Send),
    ) -> Result<Locality> {
        let mut meter = Meter::new(reading);
        let mut segments: HashMap<u32, Locality> = HashMap::new();
        let mut walk = Walk::new(&self.inner, point);
        while let Some(steps) = walk.next().await? {
            self.ask(go_on)?;
            for step in steps {
                survey.steps += 1;
                let mut stretches = self.inner.stretches(&step).await?;
                stretches.sort_unstable_by_key(|(_, stretch)| *stretch);
                for (place, stretch) in stretches {
                    let segment = segments.entry(place.segment).or_default();
                    segment.read_bytes += meter.read(&stretch);
                    segment.needed_bytes += stretch.to - stretch.from;
                    let known = &mut survey.arrangement;
                    known.hot.entry(place.segment).or_default().add(place.record);
                    known.last.insert(place.segment, survey.steps);
                }
            }
        }
        if meter.locality.is_over(REWRITTEN_ABOVE) {
            for (number, locality) in segments {
                let sum = survey.scattered.entry(number).or_default();
                sum.read_bytes += locality.read_bytes;
                sum.needed_bytes += locality.needed_bytes;
            }
        }
        Ok(meter.locality)
    }

    /// How the points would be read without these segments.
    async fn try_out_all(
        &self,
        reading: Reading,
        leaving: &HashSet<u32>,
        go_on: &mut (dyn FnMut(Reclaiming) -> bool + Send),
    ) -> Result<Vec<Locality>> {
        let mut trial = Trial { leaving, offsets: HashMap::new(), next: 0 };
        let mut then = Vec::with_capacity(self.arrangement.points.len());
        for point in &self.arrangement.points {
            then.push(self.try_out(*point, reading, &mut trial, go_on).await?);
        }
        Ok(then)
    }

    /// How a point would be read.
    async fn try_out(
        &self,
        point: Digest,
        reading: Reading,
        trial: &mut Trial<'_>,
        go_on: &mut (dyn FnMut(Reclaiming) -> bool + Send),
    ) -> Result<Locality> {
        let mut meter = Meter::new(reading);
        let mut walk = Walk::new(&self.inner, point);
        while let Some(steps) = walk.next().await? {
            self.ask(go_on)?;
            for step in steps {
                let stretches = self.inner.stretches(&step).await?.into_iter();
                let placed = stretches.map(|(place, stretch)| trial.place(place, stretch));
                let mut placed: Vec<Stretch> = placed.collect();
                placed.sort_unstable();
                for stretch in &placed {
                    meter.read(stretch);
                }
            }
        }
        Ok(meter.locality)
    }

    pub(crate) fn ask(&self, go_on: &mut (dyn FnMut(Reclaiming) -> bool + Send)) -> Result<()> {
        match go_on(Reclaiming::Marking(self.live.marked)) {
            true => Ok(()),
            false => Err(StoreError::Interrupted),
        }
    }

    /// Segments that points lie scattered in, those first that give most for what moves, as far as
    /// there is room.
    fn scattered(&self, read: &HashMap<u32, Locality>, options: &ReclaimOptions) -> Vec<Victim> {
        let dead: HashSet<u32> = self.chosen(options).iter().map(|victim| victim.number).collect();
        let mut found: Vec<(Victim, u64)> = Vec::new();
        for segment in &self.sealed {
            let number = number(segment.place.info.segment);
            let Some(locality) = read.get(&number).filter(|_| !dead.contains(&number)) else {
                continue;
            };
            let victim = self.weigh(segment);
            let gain = locality.read_bytes.saturating_sub(locality.needed_bytes);
            if locality.is_over(REWRITTEN_ABOVE) && gain * MOVED_FOR_ONE >= victim.live_bytes {
                found.push((victim, gain));
            }
        }
        let cost = |(victim, gain): &(Victim, u64)| victim.live_bytes * 1000 / (*gain).max(1);
        found.sort_by_key(|found| (cost(found), found.0.number));
        let mut room = self.spare_bytes(options);
        found.retain(|(victim, _)| victim.fits(&mut room));
        found.into_iter().map(|(victim, _)| victim).collect()
    }
}

/// The least that must be saved of what scattered points read of these segments.
fn least_gain(rewritten: &[Victim], scattered: &HashMap<u32, Locality>) -> u64 {
    let read = rewritten.iter().filter_map(|victim| scattered.get(&victim.number));
    read.map(|locality| locality.read_bytes).sum::<u64>() * LEAST_GAIN_PERCENT / 100
}

/// Whether all points together are read with so much less than without it that these segments may
/// move for it.
fn is_worth(without: &[Arranged], then: &[Locality], least: u64, rewritten: &[Victim]) -> bool {
    let without: u64 = without.iter().map(|arranged| arranged.then.read_bytes).sum();
    let then: u64 = then.iter().map(|locality| locality.read_bytes).sum();
    let moved: u64 = rewritten.iter().map(|victim| victim.live_bytes).sum();
    let gain = without.saturating_sub(then);
    gain > least && gain.saturating_mul(MOVED_FOR_ONE) >= moved
}
