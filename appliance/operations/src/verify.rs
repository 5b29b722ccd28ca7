//! Read everything, check it, heal what one disk has wrong.
//!
//! Every record of every copy is read and its checksum compared; of one copy each seal is opened,
//! and in a deep verify each record decompressed and named again. Then every recovery point's
//! manifest is walked, so that what is missing is told by the points that miss it; of a deep one
//! all blocks are tagged again, too, and compared with what the manifest says.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use catalog::Point;
use futures_executor::block_on;
use model::{Bytes, PointId, SegmentId};
use record::{Progress, RecordError, RecordReader, TenantAccess};
use restore::{Broken, Depth, broken_points};
use serde_json::{Value, json};
use store::Scrubbed;

use crate::checked::{add, broken_json, broken_text, loss};
use crate::{Failure, OpenPool};

/// How thoroughly to look.
#[derive(Debug, Clone, Copy, Default)]
pub struct Verify {
    /// Decompress and name every record too, then compare all blocks of all points with their tags.
    pub deep: bool,
    /// The pool is open for reading only: what is damaged is left so.
    pub no_heal: bool,
}

/// What was found.
#[derive(Debug)]
pub struct Verified {
    points: usize,
    found: Scrubbed,
    broken: Vec<Broken>,
    healed: u64,
    seconds: f64,
    no_heal: bool,
}

impl Verify {
    pub fn run(
        self,
        pool: &OpenPool,
        access: &Arc<TenantAccess>,
        progress: &Progress,
    ) -> Result<Verified, Failure> {
        let began = Instant::now();
        let mut found = block_on(pool.store.scrub_structures())?;
        progress.begin(pool.store.status().stored_bytes);
        add(&mut found, scrub(access, self.deep, progress)?);
        let points = pool.catalog.points();
        let depth = if self.deep { Depth::Tags } else { Depth::Records };
        let broken = block_on(broken_points(access, points, &found.lost, depth, progress))?;
        block_on(pool.store.forget(&found.lost))?;
        Ok(Verified {
            points: pool.catalog.points().len(),
            found,
            broken,
            healed: pool.store.status().healed,
            seconds: began.elapsed().as_secs_f64(),
            no_heal: self.no_heal,
        })
    }
}

/// Everything that one recovery point needs: all its blocks are read, opened and compared with
/// their tags.
#[derive(Debug, Clone, Copy)]
pub struct VerifyPoint {
    pub point: Point,
}

/// What was found of one recovery point.
#[derive(Debug)]
pub struct VerifiedPoint {
    point: PointId,
    broken: Vec<Broken>,
    seconds: f64,
}

impl VerifyPoint {
    pub fn run(
        self,
        access: &Arc<TenantAccess>,
        progress: &Progress,
    ) -> Result<VerifiedPoint, Failure> {
        let began = Instant::now();
        let points = vec![self.point];
        let broken = block_on(broken_points(access, points, &[], Depth::Tags, progress))?;
        let seconds = began.elapsed().as_secs_f64();
        Ok(VerifiedPoint { point: self.point.id, broken, seconds })
    }
}

impl VerifiedPoint {
    /// What is wrong with it.
    pub fn failure(&self) -> Option<Failure> {
        loss(0, &self.broken)
    }

    pub fn json(&self) -> Value {
        json!({
            "point": self.point.to_string(),
            "broken": broken_json(&self.broken),
            "seconds": self.seconds,
        })
    }

    pub fn text(&self) -> String {
        let found = if self.broken.is_empty() { "whole" } else { "damaged" };
        let (point, seconds) = (self.point, self.seconds);
        let broken = broken_text(&self.broken);
        format!("recovery point {point} is {found}: all of it read in {seconds:.1} s{broken}")
    }
}

impl Verified {
    /// What is wrong. Damage beside intact records, in a list of records that are all elsewhere,
    /// say, is not: it stays where it is and harms no recovery point. Who does not heal cannot
    /// tell.
    pub fn failure(&self) -> Option<Failure> {
        if let Some(failure) = loss(self.found.lost.len() as u64, &self.broken) {
            return Some(failure);
        }
        let what = format!("{} places are damaged and were left so", self.found.damaged);
        let next = "run `holdfast verify` without --no-heal";
        (self.no_heal && self.found.damaged > 0).then(|| Failure::new(what, next))
    }

    /// The recovery points that damage has touched.
    pub fn broken(&self) -> &[Broken] {
        &self.broken
    }

    pub fn json(&self) -> Value {
        json!({
            "points": self.points,
            "broken": broken_json(&self.broken),
            "records": self.found.records,
            "bytes_read": self.found.bytes_read,
            "healed": self.healed,
            "lost": self.found.lost.len(),
            "damaged": self.found.damaged,
            "seconds": self.seconds,
        })
    }

    pub fn text(&self) -> String {
        let rate = Bytes((self.found.bytes_read as f64 / self.seconds.max(0.001)) as u64);
        let mut text = format!(
            "{} recovery points, {} records: {} read in {:.1} s, {rate}/s\n\
             {} copies healed, {} records lost, {} places damaged and not healed",
            self.points,
            self.found.records,
            Bytes(self.found.bytes_read),
            self.seconds,
            self.healed,
            self.found.lost.len(),
            self.found.damaged,
        );
        text.push_str(&broken_text(&self.broken));
        text
    }
}

/// Shares the segments among as many workers as there are cores.
fn scrub(
    access: &Arc<TenantAccess>,
    deep: bool,
    progress: &Progress,
) -> Result<Scrubbed, RecordError> {
    let segments = access.store().segment_list();
    let next = AtomicUsize::new(0);
    let total = Mutex::new(Scrubbed::default());
    let work = || -> Result<(), RecordError> {
        let mut reader = RecordReader::new(access)?;
        loop {
            let Some(segment) = segments.get(next.fetch_add(1, Ordering::Relaxed)) else {
                return Ok(());
            };
            if progress.stopped() {
                return Err(RecordError::Interrupted);
            }
            let one = scrub_one(access, &mut reader, *segment, deep)?;
            progress.advance(one.bytes_read, 0);
            add(&mut total.lock().unwrap_or_else(PoisonError::into_inner), one);
        }
    };
    // One more than there are cores, to work while others wait for the disk.
    let workers = std::thread::available_parallelism().map_or(2, usize::from) + 1;
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let join = |worker: std::thread::ScopedJoinHandle<'_, Result<(), RecordError>>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().map(join).collect()
    });
    outcomes.into_iter().collect::<Result<Vec<()>, _>>()?;
    Ok(total.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn scrub_one(
    access: &Arc<TenantAccess>,
    reader: &mut RecordReader,
    segment: SegmentId,
    deep: bool,
) -> Result<Scrubbed, RecordError> {
    let scrubbing = access.store().scrub_segment(segment, |view| match deep {
        true => reader.check_digest(view),
        false => reader.check_seal(view),
    });
    Ok(block_on(scrubbing)?)
}
