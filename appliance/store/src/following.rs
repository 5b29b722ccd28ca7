//! Moving in reading order: what the newest recovery points need of segments that go is copied as a
//! restore of these points would read it, to segments that hold nothing else.
//!
//! A segment whose last use has gone by is emptied of what else is needed and retired, so that work
//! that is broken off was not in vain, and copies do not pile up.

use std::collections::HashSet;

use model::Digest;

use crate::members::lock;
use crate::moving::{BATCH_BYTES, Carried, Mover, is_damage};
use crate::reclaim::Reclaimed;
use crate::victims::Victim;
use crate::walk::Walk;
use crate::{Result, StoreError};

/// Bytes that move before the segments that are done with are retired.
const PART_BYTES: u64 = 256 << 20;

/// Records that move together.
#[derive(Default)]
struct Batch {
    list: Vec<Carried>,
    known: HashSet<Digest>,
    bytes: u64,
}

impl Mover<'_> {
    /// Moves what the points need in their order, then everything else; retires. The victims stand
    /// in the order in which the points need them for the last time.
    pub(crate) async fn follow(
        &mut self,
        victims: &[Victim],
        age: u64,
        go_on: &mut (dyn FnMut(&Reclaimed) -> bool + Send),
    ) -> Result<()> {
        let end = victims.last().map_or(0, |victim| victim.last);
        let (mut rest, mut batch, mut part) = (victims, Batch::default(), 0);
        let mut step = 0;
        for point in &self.arrangement.points {
            let mut walk = Walk::new(self.inner, *point);
            while step < end
                && let Some(steps) = walk.next().await?
            {
                for digests in steps {
                    step += 1;
                    for digest in digests {
                        self.gather(digest, &mut batch).await?;
                    }
                }
                if batch.bytes < BATCH_BYTES {
                    continue;
                }
                if !go_on(&self.done) {
                    return Err(StoreError::Interrupted);
                }
                if !self.carry_on(&mut batch).await? {
                    return self.retire_all(rest, age, go_on).await;
                }
                if self.done.moved_bytes >= part + PART_BYTES {
                    part = self.done.moved_bytes;
                    let past = rest.partition_point(|victim| victim.last <= step);
                    let (ready, later) = rest.split_at(past);
                    self.retire_all(ready, age, go_on).await?;
                    rest = later;
                }
            }
        }
        self.carry_on(&mut batch).await?;
        self.retire_all(rest, age, go_on).await
    }

    /// Adds a record to the batch if it is only where it cannot stay.
    async fn gather(&self, digest: Digest, batch: &mut Batch) -> Result<()> {
        let places = match self.inner.find_all(&digest).await {
            Err(error) if is_damage(&error) => return Ok(()),
            places => places?,
        };
        let damaged = lock(&self.inner.damaged);
        let stays = places
            .iter()
            .any(|(place, _)| !self.leaving.contains(&place.segment) && !damaged.contains(place));
        if let Some((_, entry)) = places.first().filter(|_| !stays)
            && batch.known.insert(digest)
        {
            batch.list.push(Carried { digest, cold: false });
            batch.bytes += u64::from(entry.length);
        }
        Ok(())
    }

    /// Copies a batch; false when there is no room.
    async fn carry_on(&mut self, batch: &mut Batch) -> Result<bool> {
        let Batch { list, .. } = std::mem::take(batch);
        match self.carry(&list, true).await {
            Err(StoreError::Full) => Ok(false),
            // Whatever cannot be read is found again where its segment is looked at.
            Err(error) if is_damage(&error) => Ok(true),
            outcome => outcome.map(|()| true),
        }
    }
}
